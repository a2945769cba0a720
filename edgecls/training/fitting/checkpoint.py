"""The state of fine-tuning after each epoch, in a file beside the model, from which training can be resumed."""

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

_SHA256_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class TrainingState:
    """The state of fine-tuning between two epochs.

    Attributes:
        plan: What is trained.
        epochs_done: The number of completed epochs.
        history: The epochs of both phases.
        best_epoch: The best epoch so far; its number is 0 where that is the head alone.
        weights: The weights of the best epoch.
        probabilities: The validation probabilities of the best epoch, float32 (images, classes).
        variables: The current variables of the network and its optimizer.
    """

    plan: FineTuningPlan
    epochs_done: int
    history: tuple[Epoch, ...]
    best_epoch: Epoch
    weights: list[NDArray[Any]]
    probabilities: NDArray[np.float32]
    variables: list[NDArray[Any]]


def variables_of(upper: keras.Model) -> list[Any]:
    """Return all that training changes: weights, the random state of dropout, and the moments of the optimizer."""
    return [*upper.variables, *upper.optimizer.variables]


def restore_variables(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    """Assign `values` to `variables`, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds a SHA-256, followed by the .npz file that has it. `identity` is a JSON text of what is trained.

    The digest turns any damage into one error: numpy and zipfile fail in a dozen ways, or not at all.
    """

    path: Path
    identity: str

    def save(self, state: TrainingState) -> None:
        """Write the file atomically. Raises IoFailed."""
        header = {
            "identity": self.identity,
            "plan": asdict(state.plan),
            "epochs_done": state.epochs_done,
            "history": [asdict(epoch) for epoch in state.history],
            "best_epoch": asdict(state.best_epoch),
        }
        buffer = io.BytesIO()
        arrays = {f"weights{i}": array for i, array in enumerate(state.weights)}
        arrays |= {f"variables{i}": array for i, array in enumerate(state.variables)}
        np.savez(buffer, header=np.array(json.dumps(header)), probabilities=state.probabilities, **arrays)  # type: ignore[arg-type]
        content = buffer.getvalue()
        write_atomically(self.path, hashlib.sha256(content).digest() + content)

    def load(self) -> TrainingState:
        """Read the file.

        Raises UsageError where it is missing or belongs to another training, BadData where it is damaged, and IoFailed
        where it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            raise UsageError(f"there is no checkpoint {self.path} to resume from: omit --resume") from None
        except OSError as error:
            raise from_os_error(error, f"cannot read {self.path}") from error
        digest, content = data[:_SHA256_BYTES], data[_SHA256_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise BadData(f"{self.path} is damaged: delete it, and omit --resume")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            header = json.loads(str(arrays["header"]))
            if header["identity"] != self.identity:
                raise UsageError(
                    f"{self.path} belongs to a training with other images, settings or versions"
                    f" ({_differences(header['identity'], self.identity)}): use the same ones, or omit --resume"
                )
            return TrainingState(
                plan=FineTuningPlan(**header["plan"]),
                epochs_done=header["epochs_done"],
                history=tuple(Epoch(**epoch) for epoch in header["history"]),
                best_epoch=Epoch(**header["best_epoch"]),
                weights=_numbered(arrays, "weights"),
                probabilities=arrays["probabilities"],
                variables=_numbered(arrays, "variables"),
            )

    def remove(self) -> None:
        """Delete the file, if there is one."""
        with contextlib.suppress(OSError):
            self.path.unlink()


_OPTIONS = {"augmentation": "augment", "size": "input-size"}
"""Settings whose command-line option has another name."""


def _differences(saved: str, current: str) -> str:
    """Return the settings of two identities that differ, with both values."""
    before, now = json.loads(saved), json.loads(current)
    versions = before.pop("versions"), now.pop("versions")
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    changes = [
        "the images or their splits differ" if name == "images" else _change(_option(name), name, before, now)
        for name in names
    ]
    changes += [_change(name, name, *versions) for name in versions[1] if versions[0].get(name) != versions[1][name]]
    return "; ".join(changes)


def _option(name: str) -> str:
    return f"--{_OPTIONS.get(name, name.replace('_', '-'))}"


def _change(label: str, name: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    return f"{label} was {_text(before, name)}, is {_text(now, name)}"


def _text(settings: dict[str, Any], name: str) -> str:
    value = settings.get(name)
    return "not given" if value is None else str(value)


def _numbered(arrays: Any, name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(name) for key in arrays.files)
    return [arrays[f"{name}{i}"] for i in range(count)]
