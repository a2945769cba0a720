"""What can be set about training. No TensorFlow here: the command line reads it before that is loaded."""

from dataclasses import dataclass
from typing import Literal, get_args

from edgecls.errors import UsageError

Quantization = Literal["int8", "float16", "dynamic", "float32"]

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")


@dataclass(frozen=True, slots=True)
class Training:
    """How the head is trained.

    `epochs` is the most; training stops once the validation loss has not fallen for `patience` of them, and the best
    weights are kept. `dropout` is the share of features hidden at each step, 0 to 1.
    """

    epochs: int = 60
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 32
    dropout: float = 0.2
    patience: int = 8

    def __post_init__(self) -> None:
        """Raise UsageError for an optimizer that is not one of `OPTIMIZERS`."""
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"no optimizer is called {self.optimizer!r}: choose from {', '.join(OPTIMIZERS)}")


def find_quantization(name: str) -> Quantization:
    """`name`, if it is one. Raises UsageError for another."""
    for quantization in get_args(Quantization):
        if name == quantization:
            return quantization  # type: ignore[no-any-return]
    raise UsageError(f"no quantization is called {name!r}: choose from {', '.join(get_args(Quantization))}")
