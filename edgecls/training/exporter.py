"""Export one trained network as model files of each precision, and measure them with the code that runs on the device."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgecls.errors import InputNotFound, IoFailed
from edgecls.inference.golden import verify
from edgecls.model.model_file import ModelFile, ModelInfo, write_model
from edgecls.training import golden
from edgecls.training.data.dataset import Dataset
from edgecls.training.evaluation.gate import compare_precisions
from edgecls.training.evaluation.predictions import Predictions, classify_samples, in_common, predict_pixels
from edgecls.training.quantization.calibration import calibration_images
from edgecls.training.settings import find_quantization

if TYPE_CHECKING:
    from edgecls.training.fitting.training_data import TrainingData, TrainingResult

SAFER = {"int8": "float16", "dynamic": "float16", "float16": "float32"}
"""Each precision and the next one that loses less."""


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """A quantized model. `refit_tried`: refitting its head was tried; `head_refitted`: the model has the refitted head."""

    flatbuffer: bytes
    refit_tried: bool = False
    head_refitted: bool = False


def _distance(before: Predictions, after: Predictions) -> float:
    """Return the mean absolute difference of scores, 0 to 1."""
    before, after = in_common(before, after)
    return float(np.abs(before.scores - after.scores).mean())


class ModelExporter:
    """Exports model files of one trained network, and measures them as a device would."""

    def __init__(self, data: "TrainingData", dataset: Dataset, info: ModelInfo, result: "TrainingResult") -> None:
        self._data, self._dataset, self._info, self._network = data, dataset, info, result.network
        self._mean, self._std = data.backbone.mean, data.backbone.std

    def write(self, name: str, flatbuffer: bytes) -> ModelFile:
        """Write a temporary model file without golden examples."""
        path = self._data.work / f"{name}.tflite"
        return write_model(path, flatbuffer, self._info, self._dataset.labels, (), mean=self._mean, std=self._std)

    def measure(self, flatbuffer: bytes, name: str) -> Predictions:
        """Classify the encoded test images, as a device would."""
        model = self.write(name, flatbuffer)
        test, losses = self._dataset.of("test"), self._dataset.losses
        return classify_samples(model, test, self._data.progress, f"evaluating {name}", losses)

    def validate(self, flatbuffer: bytes) -> Predictions:
        """Classify the validation images, on which all choices are made, from their cached pixels."""
        return predict_pixels(self.write("quantized", flatbuffer), self._data.validation)

    def export_float(self) -> bytes:
        """Return the float32 flatbuffer."""
        from edgecls.training.quantization import quantize

        with self._data.progress.step("converting to float"):
            return quantize.to_float(self._network, self._mean, self._std)

    def quantize(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[QuantizedModel, Predictions]:
        """Return the quantized model and its predictions on the test images.

        `of_float` is the float model and its predictions on the test images. If int8 loses more than `max_drop` of the
        accuracy there, its head is refitted. Which of the two models is used depends on the validation images alone: a choice
        made on the test images would make their figures too good.
        """
        float_model, float_predictions = of_float
        if quantization == "float32":
            return QuantizedModel(float_model), float_predictions
        plain = QuantizedModel(self._quantized(quantization))
        predictions = self.measure(plain.flatbuffer, quantization)
        if quantization != "int8" or compare_precisions(*in_common(float_predictions, predictions)).within(max_drop):
            return plain, predictions
        best = self._refit_head(plain, float_model)
        return best, self.measure(best.flatbuffer, quantization) if best.head_refitted else predictions

    def export_safer(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[str, bytes, Predictions]:
        """Return (name, model, predictions on the test images) of the next safer precision that passes the gate.

        The last one, float32, is the float model itself. `of_float` is as in `quantize`.
        """
        float_model, float_predictions = of_float
        while (quantization := SAFER.get(quantization, "float32")) != "float32":
            flatbuffer = self._quantized(quantization)
            predictions = self.measure(flatbuffer, quantization)
            if compare_precisions(*in_common(float_predictions, predictions)).passes(max_drop):
                return quantization, flatbuffer, predictions
        return quantization, float_model, float_predictions

    def _refit_head(self, plain: QuantizedModel, float_model: bytes) -> QuantizedModel:
        """Return the model with a refitted head if its validation scores are at least as near to those of the float model.

        Scores are compared, not accuracies: a few hundred images show which of two models is nearer to a third one, but not
        which of two models with an accuracy of 84 % is better.
        """
        from edgecls.training.quantization.remedy import refit_head

        data = self._data
        refitted = refit_head(self._network, float_model, plain.flatbuffer, data.train, data.work, data.progress)
        before = self.validate(float_model)
        distance = _distance(before, self.validate(plain.flatbuffer))
        if _distance(before, self.validate(refitted)) <= distance:
            return QuantizedModel(refitted, refit_tried=True, head_refitted=True)
        return replace(plain, refit_tried=True)

    def _quantized(self, quantization: str) -> bytes:
        from edgecls.training.quantization import quantize

        data, precision = self._data, find_quantization(quantization)
        images = calibration_images(data.train, data.seed)
        return quantize.quantize(self._network, self._mean, self._std, precision, images, data.progress)

    def finish(self, output: Path, flatbuffer: bytes, info: ModelInfo) -> ModelFile:
        """Record golden examples, verify them, and write the model to `output`.

        Raises IoFailed where it cannot be written there; the error says where the model is instead.
        """
        data = self._data
        finished = data.work / "finished.tflite"

        def write(path: Path) -> ModelFile:
            return write_model(
                path, flatbuffer, info, self._dataset.labels, examples, mean=self._mean, std=self._std, images=images
            )

        with data.progress.step("recording golden examples"):
            spec = data.backbone.preprocessing
            encoded = [golden.encode_golden(data.train.read(number), spec) for number in self._golden_numbers()]
            examples = golden.record(flatbuffer, encoded, spec, data.work)
            images = self._dataset.image_list()
            verify(write(finished))
        try:
            return write(output)
        except (InputNotFound, IoFailed) as error:
            saved = data.work.with_name(f"{info.name}-{secrets.token_hex(4)}.tflite")
            finished.rename(saved)
            raise IoFailed(f"{error}: the model was saved as {saved} instead: copy it from there") from error

    def _golden_numbers(self) -> list[int]:
        """Return the number of the first training image of each of the first few classes."""
        first: dict[str, int] = {}
        for number, sample in enumerate(self._data.train.samples):
            first.setdefault(sample.label, number)
        return [first[label] for label in self._dataset.labels if label in first][: golden.COUNT]
