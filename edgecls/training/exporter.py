"""Export one trained network as model files of each precision, and measure them with the code that runs on the device."""

import secrets
from dataclasses import dataclass
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
from edgecls.training.quantization.calibration import IMAGES, calibration_images
from edgecls.training.settings import find_quantization

if TYPE_CHECKING:
    from edgecls.training.fitting.training_data import TrainingData, TrainingResult

SAFER = {"int8": "float16", "dynamic": "float16", "float16": "float32"}
"""Each precision and the next one that loses less."""

REMEDIES = {
    "the head refitted on int8 features": IMAGES,
    "the head refitted, and calibration on four times the images": 4 * IMAGES,
}
"""The remedies that are tried in turn where int8 loses too much, with the number of calibration images."""


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """A quantized model, and the remedy that was applied to it, if any."""

    flatbuffer: bytes
    remedy: str = ""


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
    ) -> tuple[QuantizedModel, Predictions, tuple[str, ...]]:
        """Return the quantized model, its predictions on the test images, and the remedies that were tried.

        The test images decide whether it loses too much; the validation images decide which of several attempts is the
        best, since a choice on the test images would make their figures too good. `of_float` is the float model and its
        predictions on the test images.
        """
        float_model, float_predictions = of_float
        if quantization == "float32":
            return QuantizedModel(float_model), float_predictions, ()
        first = QuantizedModel(self._quantized(quantization, IMAGES))
        predictions = self.measure(first.flatbuffer, quantization)
        if quantization != "int8" or compare_precisions(*in_common(float_predictions, predictions)).within(max_drop):
            return first, predictions, ()
        best, tried = self._best_remedy(first, float_model, max_drop)
        return best, predictions if best is first else self.measure(best.flatbuffer, quantization), tried

    def export_safer(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[str, bytes, Predictions]:
        """Return (name, model, predictions on the test images) of the next safer precision that passes the gate.

        The last one, float32, is the float model itself. `of_float` is as in `quantize`.
        """
        float_model, float_predictions = of_float
        while (quantization := SAFER.get(quantization, "float32")) != "float32":
            flatbuffer = self._quantized(quantization, IMAGES)
            predictions = self.measure(flatbuffer, quantization)
            if compare_precisions(*in_common(float_predictions, predictions)).passes(max_drop):
                return quantization, flatbuffer, predictions
        return quantization, float_model, float_predictions

    def _best_remedy(
        self, first: QuantizedModel, float_model: bytes, max_drop: float
    ) -> tuple[QuantizedModel, tuple[str, ...]]:
        """Return the model whose validation scores are nearest to those of the float model, and the remedies tried.

        A few hundred images show which scores are nearer. They do not show which of two models with an accuracy of 84 %
        is the better one. Of equal models the last is taken; trying ends with the first that loses no more than allowed.
        """
        before, tried = self.validate(float_model), []
        best, smallest = first, _distance(before, self.validate(first.flatbuffer))
        for remedy, images in REMEDIES.items():
            model = self._refitted(remedy, images)
            predictions = self.validate(model.flatbuffer)
            tried.append(remedy)
            if _distance(before, predictions) <= smallest:
                best, smallest = model, _distance(before, predictions)
            if compare_precisions(*in_common(before, predictions)).within(max_drop):
                break
        return best, tuple(tried)

    def _quantized(self, quantization: str, image_count: int) -> bytes:
        from edgecls.training.quantization import quantize

        precision, images = find_quantization(quantization), self._calibration_images(image_count)
        return quantize.quantize(self._network, self._mean, self._std, precision, images, self._data.progress)

    def _calibration_images(self, count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        return calibration_images(self._data.train, self._data.seed, count)

    def _refitted(self, remedy: str, image_count: int) -> QuantizedModel:
        """Return an int8 model whose head was refitted on int8 features. The network keeps its own head."""
        from edgecls.training.quantization.remedy import refit_head

        last = self._network.get_layer("probabilities")
        weights = last.get_weights()
        try:
            refit_head(self._network, self._data, self._calibration_images(image_count))
            return QuantizedModel(self._quantized("int8", image_count), remedy)
        finally:
            last.set_weights(weights)

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
