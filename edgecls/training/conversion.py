"""What came of a conversion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgecls.images.framing import Preprocessing
from edgecls.model.model_file import ModelFile
from edgecls.training.backbones import Backbone
from edgecls.training.data.dataset import Dataset
from edgecls.training.evaluation.curves import reliability_curve
from edgecls.training.evaluation.evaluate import Evaluation, evaluate_predictions
from edgecls.training.evaluation.gate import Gate, Rejected
from edgecls.training.evaluation.predictions import Predictions
from edgecls.training.evaluation.temperature import at_bound
from edgecls.training.evaluation.thresholds import Coverage, Thresholds, never_answered
from edgecls.training.settings import Epoch

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Conversion:
    """What came of a conversion. Predictions and evaluations are of the `test` split, by the device's classifier.

    `weights` is label -> weight of a training image. `thresholds` were chosen on the validation images, `coverage` is what they give on the test images.
    `temperature` is that of the model that was written, `validation_ece` the calibration error on the validation images
    before and after it; `unscaled_predictions` are the float model's without its own. `refit_tried`: int8 had
    lost too much, so refitting its head was tried; `head_refitted`: the model has that head;
    `passed` is false where it loses more than `max_drop` all the same and was forced. `rejected` is the model that was
    asked for where that was not written, and `model` one of a safer precision, under another name. `seconds` is step -> wall-clock seconds,
    in order; `peak_memory_mb` the most that the process has had in memory, in 10^6 bytes.
    """

    model: ModelFile
    dataset: Dataset
    weights: Mapping[str, float]
    network: "keras.Model"
    backbone: Backbone
    float_predictions: Predictions
    unscaled_predictions: Predictions
    predictions: Predictions
    gate: Gate
    max_drop: float
    passed: bool
    refit_tried: bool
    head_refitted: bool
    thresholds: Thresholds
    coverage: Coverage
    temperature: float
    validation_ece: tuple[float, float]
    history: tuple[Epoch, ...]
    plan: str
    settings: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_memory_mb: float
    trials: tuple[Mapping[str, Any], ...] = field(default=())
    rejected: Rejected | None = None

    @cached_property
    def float_evaluation(self) -> Evaluation:
        """Of the float model."""
        return evaluate_predictions(self.float_predictions)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Of the model that was written."""
        return evaluate_predictions(self.predictions)

    @property
    def test_ece(self) -> tuple[float, float]:
        """The calibration error of the float model on the test images, before and after its temperature."""
        return reliability_curve(self.unscaled_predictions).error, reliability_curve(self.float_predictions).error

    @property
    def temperature_at_bound(self) -> bool:
        """Whether the fit of the temperature ended where it had to."""
        return at_bound(self.temperature)

    @property
    def never_answered(self) -> list[str]:
        """A line or more where labels have thresholds out of reach; none otherwise."""
        return never_answered(self.thresholds, self.dataset.counts()["validation"])

    @property
    def preprocessing(self) -> Preprocessing:
        """How images are made to fit the network."""
        return self.backbone.preprocessing

    @property
    def mean(self) -> float:
        """Of the normalisation, (pixel - mean) / std."""
        return self.backbone.mean

    @property
    def std(self) -> float:
        """Of the normalisation."""
        return self.backbone.std
