"""Model files of one trained network, in each precision, measured as the device would."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, EdgeclsError, InputNotFound, IoFailed
from edgecls.images.preprocess import decode
from edgecls.inference.golden import verify
from edgecls.model.model_file import ModelFile, ModelInfo, write_model
from edgecls.progress import Progress
from edgecls.training import golden
from edgecls.training.data.dataset import Dataset
from edgecls.training.data.losses import reason_of
from edgecls.training.evaluation.gate import compare_precisions
from edgecls.training.evaluation.predictions import Predictions, classify_samples, in_common
from edgecls.training.quantization.calibration import calibration_images
from edgecls.training.settings import find_quantization

if TYPE_CHECKING:
    from edgecls.training.fitting.training_data import TrainingData, TrainingResult

SAFER = {"int8": "float16", "dynamic": "float16", "float16": "float32"}
"""A precision -> one that loses less."""


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """A quantized model. `refit_tried`: correcting its head was tried; `head_refitted`: that was better, and is in it."""

    flatbuffer: bytes
    refit_tried: bool = False
    head_refitted: bool = False


def _distance(before: Predictions, after: Predictions) -> float:
    """Mean difference of scores, 0 to 1."""
    before, after = in_common(before, after)
    return float(np.abs(before.scores - after.scores).mean())


class ModelExporter:
    """Makes model files of one trained network, and measures them as the device would."""

    def __init__(self, task: "TrainingData", data: Dataset, info: ModelInfo, trained: "TrainingResult") -> None:
        self._task, self._data, self._info, self._network = task, data, info, trained.network
        self._mean, self._std = task.backbone.mean, task.backbone.std

    def write(self, name: str, flatbuffer: bytes) -> ModelFile:
        """A model file among the temporary ones, without golden examples."""
        path = self._task.work / f"{name}.tflite"
        return write_model(path, flatbuffer, self._info, self._data.labels, (), mean=self._mean, std=self._std)

    def measure(self, flatbuffer: bytes, name: str) -> Predictions:
        """Of the test images."""
        return classify_samples(
            self.write(name, flatbuffer),
            self._data.of("test"),
            self._task.progress,
            f"evaluating {name}",
            self._data.losses,
        )

    def validate(self, flatbuffer: bytes) -> Predictions:
        """Of the validation images, on which all choices are made."""
        return classify_samples(
            self.write("quantized", flatbuffer), self._data.of("validation"), Progress(), losses=self._data.losses
        )

    def make_float(self) -> bytes:
        """The float32 flatbuffer."""
        from edgecls.training.quantization import quantize

        with self._task.progress.step("converting to float"):
            return quantize.to_float(self._network, self._mean, self._std)

    def quantize(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[QuantizedModel, Predictions]:
        """Return the quantized model and its predictions on the test images.

        `of_float` is the float model, and its predictions on the test images. If int8 loses more than `max_drop` of the
        accuracy there, its head is refitted. Which of the two models is kept depends on the validation images alone: a
        choice made on the test images would flatter their figures.
        """
        float_model, float_predictions = of_float
        plain = QuantizedModel(self._quantized(quantization))
        predictions = self.measure(plain.flatbuffer, quantization)
        if quantization != "int8" or compare_precisions(*in_common(float_predictions, predictions)).within(max_drop):
            return plain, predictions
        best = self._refit_head(plain, float_model)
        return best, self.measure(best.flatbuffer, quantization) if best.head_refitted else predictions

    def make_safer(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[str, bytes, Predictions]:
        """Return (name, model, predictions on the test images) of the next safer precision that loses no more.

        The last, float32, is the float model itself, and loses nothing. `of_float` as for `quantize`.
        """
        float_model, float_predictions = of_float
        while (quantization := SAFER.get(quantization, "float32")) != "float32":
            flatbuffer = self._quantized(quantization)
            predictions = self.measure(flatbuffer, quantization)
            if compare_precisions(*in_common(float_predictions, predictions)).passes(max_drop):
                return quantization, flatbuffer, predictions
        return quantization, float_model, float_predictions

    def _refit_head(self, plain: QuantizedModel, float_model: bytes) -> QuantizedModel:
        """Return the model with a refitted head if its scores of the validation images are no farther from float ones.

        Scores, not accuracies, are compared: a few hundred images tell which of two models is nearer to a third one, but
        not which of two models that are right in 84 % of them is better.
        """
        from edgecls.training.quantization.remedy import refit_head

        refitted = refit_head(self._network, float_model, plain.flatbuffer, self._task)
        before = self.validate(float_model)
        distance = _distance(before, self.validate(plain.flatbuffer))
        if _distance(before, self.validate(refitted)) <= distance:
            return QuantizedModel(refitted, refit_tried=True, head_refitted=True)
        return replace(plain, refit_tried=True)

    def _quantized(self, quantization: str) -> bytes:
        from edgecls.training.quantization import quantize

        task, precision = self._task, find_quantization(quantization)
        images = calibration_images(task.images, task.backbone.preprocessing, task.seed, losses=task.losses)
        return quantize.quantize(self._network, self._mean, self._std, precision, images, task.progress)

    def finish(self, output: Path, flatbuffer: bytes, info: ModelInfo) -> ModelFile:
        """Write the model with golden examples, once they have been replayed.

        Raises IoFailed where that is not possible, and says where the model is instead.
        """
        task = self._task
        finished = task.work / "finished.tflite"

        def write(path: Path) -> ModelFile:
            return write_model(
                path, flatbuffer, info, self._data.labels, examples, mean=self._mean, std=self._std, images=images
            )

        with task.progress.step("recording golden examples"):
            examples = golden.record(flatbuffer, self._golden_images(), task.backbone.preprocessing, task.work)
            images = self._data.image_list()
            verify(write(finished))
        try:
            return write(output)
        except (InputNotFound, IoFailed) as error:
            kept = task.work.with_name(f"{info.name}-{secrets.token_hex(4)}.tflite")
            finished.rename(kept)
            raise IoFailed(f"{error}: the model is kept in {kept}: copy it from there") from error

    def _golden_images(self) -> list[bytes]:
        """A training image each of the first few classes, made small."""
        return [
            golden.shrink(self._first_of(label), self._task.backbone.preprocessing) for label in self._golden_labels()
        ]

    def _golden_labels(self) -> list[str]:
        trained = {sample.label for sample in self._task.images}
        return [label for label in self._data.labels if label in trained][: golden.COUNT]

    def _first_of(self, label: str) -> NDArray[np.uint8]:
        """The pixels, BGR, of the first training image of a class that can still be read."""
        white = self._task.backbone.preprocessing.white
        for sample in self._task.images:
            if sample.label != label:
                continue
            try:
                content = sample.read()
                return (
                    decode(content, white=white)
                    if isinstance(content, bytes)
                    else np.ascontiguousarray(content[..., ::-1])
                )
            except EdgeclsError as error:
                self._task.losses.add(sample.path, reason_of(error))
        raise BadData(f"no image of the class {label!r} can be read any more: is the disk of the data set still there?")
