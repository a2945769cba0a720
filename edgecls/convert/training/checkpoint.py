"""What fine-tuning has come to after each epoch, in a file beside the model to be, so that it can go on from there."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.convert.settings import Epoch
from edgecls.convert.training.plan import Plan
from edgecls.errors import BadData, UsageError
from edgecls.files import write_atomically


@dataclass(frozen=True)
class State:
    """`done` epochs of `plan` have been trained; `best` is the best so far, 0 where that is the head alone.

    `variables` are those of the network and of its optimizer, `weights` those of the best epoch, whose validation
    probabilities are float32 (images, classes).
    """

    plan: Plan
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
    """The file. `identity` says what the training is of: data set, network and settings."""

    path: Path
    identity: str

    def save(self, state: State) -> None:
        """Atomically. Raises WriteFailed."""
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
        write_atomically(self.path, buffer.getvalue())

    def load(self) -> State:
        """Raises UsageError where there is none, or one of another training, and BadData for a damaged one."""
        if not self.path.exists():
            raise UsageError(f"there is no {self.path} to go on from: run without --resume")
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                weights, variables = _numbered(arrays, "weights"), _numbered(arrays, "variables")
                probabilities = arrays["probabilities"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise BadData(f"{self.path} is damaged ({error}): remove it, and run without --resume") from error
        if about["identity"] != self.identity:
            raise UsageError(f"{self.path} is of other images or settings: give the same ones, or run without --resume")
        history = tuple(Epoch(**epoch) for epoch in about["history"])
        plan, best = Plan(**about["plan"]), Epoch(**about["best"])
        return State(plan, about["done"], history, best, weights, probabilities, variables)

    def remove(self) -> None:
        """Once the model is there."""
        self.path.unlink(missing_ok=True)


def _numbered(arrays: Any, name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(name) for key in arrays.files)
    return [arrays[f"{name}{i}"] for i in range(count)]


def restore(variables: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    """Give `variables` their values back, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
