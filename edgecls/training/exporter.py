"""Model files of one trained network, in each precision, measured as the device would."""

import secrets
from dataclasses import dataclass
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
from edgecls.training.quantization.calibration import IMAGES, calibration_images
from edgecls.training.settings import find_quantization

if TYPE_CHECKING:
    from edgecls.training.fitting.training_data import TrainingData, TrainingResult

SAFER = {"int8": "float16", "dynamic": "float16", "float16": "float32"}
"""A precision -> one that loses less."""

REMEDIES = {
    "the head refitted on int8 features": IMAGES,
    "the head refitted, and calibration on four times the images": 4 * IMAGES,
}
"""What is tried in turn where int8 loses too much -> number of calibration images."""


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """A quantized model, and the remedy it was made with, if any."""

    flatbuffer: bytes
    remedy: str = ""


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
    ) -> tuple[QuantizedModel, Predictions, tuple[str, ...]]:
        """(the model, its predictions on the test images, the remedies that were tried).

        Whether it loses too much say the test images; which of several attempts is the best, the validation images. A
        choice made on the images that the figures are of would flatter these. `of_float` is the float model, and its
        predictions on the test images.
        """
        float_model, float_predictions = of_float
        first = QuantizedModel(self._quantized(quantization, IMAGES))
        predictions = self.measure(first.flatbuffer, quantization)
        if quantization != "int8" or compare_precisions(*in_common(float_predictions, predictions)).within(max_drop):
            return first, predictions, ()
        best, tried = self._best_remedy(first, float_model, max_drop)
        return best, predictions if best is first else self.measure(best.flatbuffer, quantization), tried

    def make_safer(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[str, bytes, Predictions]:
        """Return (name, model, predictions on the test images) of the next safer precision that loses no more.

        The last, float32, is the float model itself, and loses nothing. `of_float` as for `quantize`.
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
        """(the nearest to float on the validation images, of equals the last; what was tried until one loses no more).

        Nearness is that of the scores: which of two is nearer, a few hundred images tell. Which of two that are right
        in 84 % is the better one, they do not.
        """
        before, tried = self.validate(float_model), []
        best, off = first, _distance(before, self.validate(first.flatbuffer))
        for remedy, images in REMEDIES.items():
            made = self._refitted(remedy, images)
            found = self.validate(made.flatbuffer)
            tried.append(remedy)
            if _distance(before, found) <= off:
                best, off = made, _distance(before, found)
            if compare_precisions(*in_common(before, found)).within(max_drop):
                break
        return best, tuple(tried)

    def _calibration(self, count: int) -> list[NDArray[np.uint8]]:
        return calibration_images(
            self._task.images, self._task.backbone.preprocessing, self._task.seed, count, self._task.losses
        )

    def _quantized(self, quantization: str, count: int) -> bytes:
        from edgecls.training.quantization import quantize

        precision, images = find_quantization(quantization), self._calibration(count)
        return quantize.quantize(self._network, self._mean, self._std, precision, images, self._task.progress)

    def _refitted(self, remedy: str, count: int) -> QuantizedModel:
        """int8, with a head that was refitted on int8 features. The network keeps its own."""
        from edgecls.training.quantization.remedy import refit_head

        last = self._network.get_layer("probabilities")
        before = last.get_weights()
        try:
            refit_head(self._network, self._task, self._calibration(count))
            return QuantizedModel(self._quantized("int8", count), remedy)
        finally:
            last.set_weights(before)

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
