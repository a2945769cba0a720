"""What fine-tuning has come to after each epoch, in a file beside the model to be, so that it can go on from there."""

import contextlib
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, UsageError, from_os_error
from edgecls.files import write_atomically
from edgecls.training.fitting.plan import FineTuningPlan
from edgecls.training.settings import Epoch

_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class TrainingState:
    """`done` epochs of `plan` have been trained; `best` is the best so far, 0 where that is the head alone.

    `variables` are those of the network and of its optimizer, `weights` those of the best epoch, whose validation
    probabilities are float32 (images, classes).
    """

    plan: FineTuningPlan
    done: int
    history: tuple[Epoch, ...]
    best: Epoch
    weights: list[NDArray[Any]]
    probabilities: NDArray[np.float32]
    variables: list[NDArray[Any]]


def variables_of(upper: keras.Model) -> list[Any]:
    """All that training changes: weights, the state of dropout's random numbers, and the optimizer's moments."""
    return [*upper.variables, *upper.optimizer.variables]


@dataclass(frozen=True)
class Checkpoint:
    """The file: a SHA-256, and behind it an .npz of which that is. `identity` says what is trained.

    The digest is what makes a damaged file one error: numpy and zipfile fail in a dozen ways, or not at all.
    """

    path: Path
    identity: str

    def save(self, state: TrainingState) -> None:
        """Atomically. Raises IoFailed."""
        about = {
            "identity": self.identity,
            "plan": asdict(state.plan),
            "done": state.done,
            "history": [asdict(epoch) for epoch in state.history],
            "best": asdict(state.best),
        }
        buffer = io.BytesIO()
        arrays = {f"weights{i}": array for i, array in enumerate(state.weights)}
        arrays |= {f"variables{i}": array for i, array in enumerate(state.variables)}
        np.savez(buffer, about=np.array(json.dumps(about)), probabilities=state.probabilities, **arrays)  # type: ignore[arg-type]
        content = buffer.getvalue()
        write_atomically(self.path, hashlib.sha256(content).digest() + content)

    def load(self) -> TrainingState:
        """Raises UsageError where there is none, or one of another training, and BadData for a damaged one.

        IoFailed where it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            raise UsageError(f"there is no {self.path} to go on from: run without --resume") from None
        except OSError as error:
            raise from_os_error(error, f"cannot read {self.path}") from error
        digest, content = data[:_DIGEST], data[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            raise BadData(f"{self.path} is damaged: remove it, and run without --resume")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            if about["identity"] != self.identity:
                raise UsageError(
                    f"{self.path} is of other images, settings or versions: give the same ones, or run without --resume"
                    f" ({_differences(about['identity'], self.identity)})"
                )
            weights, variables = _numbered(arrays, "weights"), _numbered(arrays, "variables")
            probabilities = arrays["probabilities"]
        history = tuple(Epoch(**epoch) for epoch in about["history"])
        plan, best = FineTuningPlan(**about["plan"]), Epoch(**about["best"])
        return TrainingState(plan, about["done"], history, best, weights, probabilities, variables)

    def remove(self) -> None:
        """Remove the file, once the model is there."""
        with contextlib.suppress(OSError):
            self.path.unlink()


_OPTIONS = {"augmentation": "augment", "size": "input-size"}
"""Settings that the command line calls by another name than their own."""


def _differences(before: str, now: str) -> str:
    """Name each setting of two identities that differs, with both values."""
    first, second = json.loads(before), json.loads(now)
    versions = first.pop("versions"), second.pop("versions")
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    texts = [
        "the images or their splits are others" if name == "images" else _change(_option(name), name, first, second)
        for name in names
    ]
    texts += [_change(name, name, *versions) for name in versions[1] if versions[0].get(name) != versions[1][name]]
    return "; ".join(texts)


def _option(name: str) -> str:
    return f"--{_OPTIONS.get(name, name.replace('_', '-'))}"


def _change(called: str, name: str, first: dict[str, Any], second: dict[str, Any]) -> str:
    return f"{called} was {_text(first, name)}, is {_text(second, name)}"


def _text(settings: dict[str, Any], name: str) -> str:
    value = settings.get(name)
    return "not given" if value is None else str(value)


def _numbered(arrays: Any, name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(name) for key in arrays.files)
    return [arrays[f"{name}{i}"] for i in range(count)]


def restore_variables(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    """Give `variables` their values back, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
