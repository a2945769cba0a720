"""The settings of a conversion. Nothing here imports TensorFlow: the command line checks settings before it loads that."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from edgecls.errors import UsageError
from edgecls.images.framing import Fit

Quantization = Literal["int8", "float16", "dynamic", "float32"]
FineTune = Literal["auto", "none", "top", "all"]

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")

AUTO = "auto"
"""The value of `augmentation` and `fit` that leaves the choice to a measurement on the training images."""

TIME_BUDGET = 600.0
"""Seconds for training where `fine_tune` is `auto` and no budget was given."""

DEFAULTS: Mapping[str, Any] = {
    "fine_tune": AUTO,
    "augmentation": AUTO,
    "class_weights": True,
    "search": 0,
    "batch_size": 32,
    "dropout": 0.2,
    "weight_decay": 1e-4,
    "patience": 8,
}
"""The defaults of both phases."""

HEAD_DEFAULTS: Mapping[str, Any] = {"epochs": 60, "optimizer": "adam", "learning_rate": 3e-3, "label_smoothing": 0.0}

FINE_TUNING_DEFAULTS: Mapping[str, Any] = {
    "epochs": 15,
    "optimizer": "adamw",
    "learning_rate": 3e-4,
    "label_smoothing": 0.1,
}
"""Label smoothing follows Szegedy et al., "Rethinking the Inception Architecture" (2016): it limits what a network learns
from wrong labels. The temperature makes its scores probabilities again."""


@dataclass(frozen=True, slots=True)
class Training:
    """The settings of training. None stands for the default, which `defaults.resolve_defaults` fills in.

    A head is trained first, on the features of the frozen backbone, then the upper part of the backbone together with
    it. `epochs`, `optimizer`, `learning_rate` and `label_smoothing` apply to the last phase that takes place.

    Attributes:
        fine_tune: How much of the backbone is trained: `none`, `top` (at most 60 % of its multiply-adds), `all`, or
            `auto`, as much as `time_budget` allows.
        time_budget: Seconds by which training is planned. Default: 600 with `auto`, otherwise no limit.
        epochs: The maximum number of epochs. Default: 60 for the head, 15 for fine-tuning.
        optimizer: One of `OPTIMIZERS`. Default: adam for the head, adamw for fine-tuning.
        learning_rate: The peak learning rate: it rises during the first tenth of all steps and then follows a cosine
            down to 0. Default: 3e-3 for the head, 3e-4 for fine-tuning.
        batch_size: Images per step. Default: 32.
        label_smoothing: The share of each target that is spread over all classes, 0 to 1. Default: 0 for the head, 0.1
            for fine-tuning.
        dropout: The share of features that is dropped in each step, 0 to 1. Default: 0.2.
        weight_decay: Used by adamw and sgd. Default: 1e-4.
        augmentation: A preset of `augment.PRESETS`, or `auto`, which measures the presets. Default: auto.
        class_weights: Whether images of rare classes weigh more. Default: true.
        patience: Training stops once the validation loss has not improved for this many epochs; the weights of the best
            epoch are kept. Default: 8.
        search: The number of hyper-parameter settings that are tried for the head. Default: 0.
    """

    fine_tune: FineTune | None = None
    time_budget: float | None = None
    epochs: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    label_smoothing: float | None = None
    dropout: float | None = None
    weight_decay: float | None = None
    augmentation: str | None = None
    class_weights: bool | None = None
    patience: int | None = None
    search: int | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for an unknown name."""
        _check_name("optimizer", self.optimizer or OPTIMIZERS[0], OPTIMIZERS)
        _check_name("fine-tuning", self.fine_tune or AUTO, get_args(FineTune))


@dataclass(frozen=True, slots=True)
class PhaseSettings:
    """The settings of one training phase; see `Training`."""

    epochs: int
    optimizer: str
    learning_rate: float
    label_smoothing: float
    batch_size: int = DEFAULTS["batch_size"]
    dropout: float = DEFAULTS["dropout"]
    weight_decay: float = DEFAULTS["weight_decay"]
    patience: int = DEFAULTS["patience"]


@dataclass(frozen=True, slots=True)
class ResolvedTraining:
    """`Training` with every default filled in, and the settings of each phase."""

    fine_tune: FineTune
    time_budget: float | None
    augmentation: str
    class_weights: bool
    search: int
    head: PhaseSettings
    fine_tuning: PhaseSettings

    def as_dict(self, phase: PhaseSettings) -> dict[str, Any]:
        """Return the settings by the names of `Training`, with those of `phase`."""
        settings = asdict(self)
        del settings["head"], settings["fine_tuning"]
        return {**settings, **asdict(phase)}


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training images in the phase `head` or `fine-tuning`. Losses are means over images, in nats."""

    phase: str
    number: int
    loss: float
    validation_loss: float
    validation_accuracy: float


def find_quantization(name: str) -> Quantization:
    """Return `name` if it is a quantization. Raises UsageError for another name."""
    return _check_name("quantization", name, get_args(Quantization))  # type: ignore[return-value]


def find_fit(name: str) -> Fit | None:
    """Return `name` if it is a fit, None for AUTO. Raises UsageError for another name."""
    return None if name == AUTO else _check_name("fit", name, (*get_args(Fit), AUTO))  # type: ignore[return-value]


def _check_name(kind: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise UsageError(f"unknown {kind} {name!r} (known: {', '.join(names)})")
    return name
