"""What can be set about a conversion. No TensorFlow here: the command line reads it before that is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from edgecls.errors import UsageError
from edgecls.images.framing import Fit

Quantization = Literal["int8", "float16", "dynamic", "float32"]
FineTune = Literal["auto", "none", "top", "all"]

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")

AUTO = "auto"
"""Of an augmentation, and of how images are made to fit: measured on the training images."""


@dataclass(frozen=True, slots=True)
class Training:
    """How the network is trained: first a head on the features of the frozen backbone, then the backbone's upper part.

    `fine_tune`: `none` of the backbone, the `top` (at most 60 % of its multiply-adds), `all`, or, by `auto`, as much as
    `time_budget` allows (seconds; None: 600 with `auto`, no limit otherwise). `epochs` is the most of the last phase
    (None: 60 of the head, 15 of the backbone), and training stops once the validation loss has not fallen for `patience` of
    them; the best weights are kept. `optimizer` and `learning_rate` (the highest: it rises for the first tenth, then
    falls as a cosine) are also of the last phase; None: adam and 3e-3 for the head, adamw and 3e-4 for the backbone. So
    is `label_smoothing`, the share of each target spread over all classes, 0 to 1 (None: 0 for the head, 0.1 for the
    backbone). `dropout` is the share of features hidden at each step, 0 to 1; `weight_decay` is that of adamw and sgd. `augmentation` names a preset of `augment.PRESETS`,
    or AUTO. `class_weights`: whether rare classes weigh more. `search`: how many settings of the head are tried.
    """

    fine_tune: FineTune = "auto"
    time_budget: float | None = None
    epochs: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    batch_size: int = 32
    label_smoothing: float | None = None
    dropout: float = 0.2
    weight_decay: float = 1e-4
    augmentation: str = AUTO
    class_weights: bool = True
    patience: int = 8
    search: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for what is not to choose from."""
        _choose("optimizer", self.optimizer or OPTIMIZERS[0], OPTIMIZERS)
        _choose("fine-tuning", self.fine_tune, get_args(FineTune))

    def with_defaults(self, defaults: Mapping[str, Any]) -> "Training":
        """With a backbone's own `defaults` where nothing else was set."""
        untouched = {f.name for f in fields(self) if getattr(self, f.name) == f.default}
        return replace(self, **{name: value for name, value in defaults.items() if name in untouched})


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images in the phase `head` or `fine-tuning`. Losses are means over images, in nats."""

    phase: str
    number: int
    loss: float
    validation_loss: float
    validation_accuracy: float


def find_quantization(name: str) -> Quantization:
    """`name`, if it is one. Raises UsageError for another."""
    return _choose("quantization", name, get_args(Quantization))  # type: ignore[return-value]


def find_fit(name: str) -> Fit | None:
    """`name`, if it is one; None for AUTO. Raises UsageError for another."""
    return None if name == AUTO else _choose("fit", name, (*get_args(Fit), AUTO))  # type: ignore[return-value]


def _choose(what: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise UsageError(f"no {what} is called {name!r}: choose from {', '.join(names)}")
    return name
