"""The result of a conversion."""

from collections.abc import Mapping
from dataclasses import dataclass
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
from edgecls.training.evaluation.temperature import Scaling, at_bound
from edgecls.training.evaluation.thresholds import Coverage, Thresholds, never_answered
from edgecls.training.precision import Chosen
from edgecls.training.settings import Epoch

if TYPE_CHECKING:
    import keras

    from edgecls.training.fitting.training_data import TrainingResult


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion. Predictions and evaluations are of the `test` split, by the device's classifier.

    Attributes:
        model: The model file that was written: the requested one, or where that was rejected a safer precision.
        dataset: The images that were used and left out.
        weights: The weight of a training image of each label.
        backbone: The backbone, with the preprocessing that was used.
        result: The trained network and how it was trained.
        scaling: The temperature of the written model, and the calibration error on the validation images.
        chosen: The precision that was written, whether its head was refitted, and the gate.
        unscaled_predictions: Those of the float model without its temperature.
        predictions: Those of the written model.
        thresholds: Chosen on the validation images.
        coverage: What the thresholds give on the test images.
        max_drop: The accuracy that quantization was allowed to cost.
        settings: The settings that were used, with no defaults left open.
        seconds: The wall-clock seconds of each step, in order.
        peak_memory_mb: The peak memory of the process, in 10^6 bytes.
    """

    model: ModelFile
    dataset: Dataset
    weights: Mapping[str, float]
    backbone: Backbone
    result: "TrainingResult"
    scaling: Scaling
    chosen: Chosen
    unscaled_predictions: Predictions
    predictions: Predictions
    thresholds: Thresholds
    coverage: Coverage
    max_drop: float
    settings: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_memory_mb: float

    @cached_property
    def float_evaluation(self) -> Evaluation:
        """The figures of the float model."""
        return evaluate_predictions(self.float_predictions)

    @cached_property
    def evaluation(self) -> Evaluation:
        """The figures of the written model."""
        return evaluate_predictions(self.predictions)

    @property
    def test_ece(self) -> tuple[float, float]:
        """The calibration error of the float model on the test images, without and with its temperature."""
        return reliability_curve(self.unscaled_predictions).error, reliability_curve(self.float_predictions).error

    @property
    def temperature_at_bound(self) -> bool:
        """True if the temperature reached the limit of its range."""
        return at_bound(self.temperature)

    @property
    def never_answered(self) -> list[str]:
        """One line or more where labels have thresholds out of reach; none otherwise."""
        return never_answered(self.thresholds, self.dataset.counts()["validation"])

    @property
    def float_predictions(self) -> Predictions:
        """The predictions of the float model."""
        return self.chosen.float_predictions

    @property
    def gate(self) -> Gate:
        """The comparison of the written model with the float model."""
        return self.chosen.gate

    @property
    def passed(self) -> bool:
        """False where the model lost more than `max_drop` and was written because of `force`."""
        return self.chosen.passed

    @property
    def refit_tried(self) -> bool:
        """True if int8 had lost too much, so that refitting its head was tried."""
        return self.chosen.refit_tried

    @property
    def head_refitted(self) -> bool:
        """True if the written model has the refitted head."""
        return self.chosen.head_refitted

    @property
    def rejected(self) -> Rejected | None:
        """The requested model, where it was not written because it lost too much."""
        return self.chosen.rejected

    @property
    def temperature(self) -> float:
        """The temperature of the written model."""
        return self.scaling.temperature

    @property
    def validation_ece(self) -> tuple[float, float]:
        """The calibration error on the validation images, without and with the temperature."""
        return self.scaling.validation_ece

    @property
    def network(self) -> "keras.Model":
        """The float network."""
        return self.result.network

    @property
    def history(self) -> tuple[Epoch, ...]:
        """One entry per epoch."""
        return self.result.history

    @property
    def plan(self) -> str:
        """A description of what was trained."""
        return self.result.plan

    @property
    def trials(self) -> tuple[Mapping[str, Any], ...]:
        """The settings that a hyper-parameter search tried."""
        return self.result.trials

    @property
    def preprocessing(self) -> Preprocessing:
        """The way images are made to fit the network."""
        return self.backbone.preprocessing

    @property
    def mean(self) -> float:
        """The mean of the normalisation, (pixel - mean) / std."""
        return self.backbone.mean

    @property
    def std(self) -> float:
        """The std of the normalisation."""
        return self.backbone.std
