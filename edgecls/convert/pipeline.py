"""The steps of a conversion, in order.

TensorFlow is imported after the data set has been read, so that what is wrong with that is told at once.
"""

import contextlib
import errno
import json
import os
import resource
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

import edgecls
from edgecls.convert import golden
from edgecls.convert.backbones import DEFAULT_BACKBONE, Backbone, find_backbone
from edgecls.convert.data.dataset import Dataset, read_dataset
from edgecls.convert.evaluation.evaluate import Evaluation, measure
from edgecls.convert.evaluation.gate import Gate, compare_precisions
from edgecls.convert.evaluation.predictions import Predictions, predict
from edgecls.convert.evaluation.temperature import ece, fit_temperature
from edgecls.convert.evaluation.thresholds import Coverage, Thresholds, apply, choose_thresholds
from edgecls.convert.heavy import load_tensorflow
from edgecls.convert.quantization.calibration import IMAGES, calibration_images
from edgecls.convert.settings import AUTO, Epoch, Training, find_quantization
from edgecls.convert.training.augment import find_preset
from edgecls.convert.training.search import check_search
from edgecls.device.golden import verify
from edgecls.errors import BadData, TryAgain, from_os_error
from edgecls.files import check_writable
from edgecls.model_file import ModelFile, ModelInfo, write_model
from edgecls.preprocess import Preprocessing, decode
from edgecls.progress import Steps

if TYPE_CHECKING:
    import keras

    from edgecls.convert.training.train import Task

FINE_TUNED_CROP = 1.0
"""A frozen network sees best what it was pretrained on, the middle of a photograph. One that is trained can learn to see
all of it: that gave 1.5 points on two data sets, and nothing at the border goes unseen."""

REMEDIES = {
    "the head refitted on int8 features": IMAGES,
    "the head refitted, and calibration on four times the images": 4 * IMAGES,
}
"""What is tried in turn where int8 loses too much -> number of calibration images."""


@dataclass(frozen=True)
class Conversion:
    """What came of a conversion. Predictions and evaluations are of the `test` split, by the device's classifier.

    `weights` is label -> weight of a training image. `thresholds` were chosen on the validation images, `coverage` is what they give on the test images.
    `validation_ece` is the calibration error on the validation images before and after the temperature. `remedies`
    are those that were tried because the quantized model had lost too much. `seconds` is step -> wall-clock seconds,
    in order; `peak_memory_mb` the most that the process has had in memory, in 10^6 bytes.
    """

    model: ModelFile
    dataset: Dataset
    weights: Mapping[str, float]
    network: "keras.Model"
    backbone: Backbone
    float_predictions: Predictions
    predictions: Predictions
    gate: Gate
    remedies: tuple[str, ...]
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

    @cached_property
    def float_evaluation(self) -> Evaluation:
        """Of the float model."""
        return measure(self.float_predictions)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Of the model that was written."""
        return measure(self.predictions)

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


def convert(
    dataset: str | Path,
    output: str | Path,
    *,
    split_file: str | Path | None = None,
    group_by: str | None = None,
    backbone: str = DEFAULT_BACKBONE,
    input_size: int | None = None,
    crop: float | None = None,
    quantization: str = "int8",
    training: Training | None = None,
    max_drop: float = 0.01,
    force: bool = False,
    min_precision: float = 0.95,
    seed: int = 0,
    resume: bool = False,
    steps: Steps | None = None,
) -> Conversion:
    """Fine-tune `backbone` on `dataset`, quantize it, measure it as the device will, and write the model to `output`.

    `dataset`, `split_file` and `group_by` are as in `samples.read_samples`; `crop` is the central share of an image
    that is seen, 0 < crop <= 1, by default all of it where the backbone is fine-tuned, else what the backbone was
    pretrained on. A quantized model that loses more than
    `max_drop` of the float one's accuracy, even after what can be done about it, is not written but with `force`.
    `min_precision` is what each label's threshold should give, 0 for no thresholds. While it fine-tunes, what was
    trained is kept beside `output`, and `resume` goes on from there. Otherwise nothing is written to `output`
    before all has gone well. Raises UsageError, NoInput, BadData, MissingExtra and WriteFailed.
    """
    steps, output = steps or Steps(), Path(output)
    chosen, _ = find_backbone(backbone, input_size), find_quantization(quantization)
    training = (training or Training()).with_defaults(chosen.training)
    chosen = replace(chosen, crop=crop or (chosen.crop if training.fine_tune == "none" else FINE_TUNED_CROP))
    if training.augmentation != AUTO:
        find_preset(training.augmentation)
    if training.search:
        check_search()
    check_writable(output)  # before minutes of work, not after
    data = read_dataset(Path(dataset), Path(split_file) if split_file else None, seed, steps, group_by=group_by)
    with steps.step("loading TensorFlow"):
        load_tensorflow()
    from edgecls.convert.training.checkpoint import Checkpoint
    from edgecls.convert.training.head import scale_logits
    from edgecls.convert.training.train import make_task, train

    with _work_folder() as work:
        task = make_task(chosen, data, training, work, seed, steps)
        about = {**asdict(training), "backbone": backbone, "size": chosen.input_size, "crop": chosen.crop, "seed": seed}
        about |= {"images": data.fingerprint, "versions": _versions()}
        identity = json.dumps(about, sort_keys=True)
        checkpoint = Checkpoint(output.with_name(f"{output.name}.checkpoint"), identity)
        if resume:
            checkpoint.load()  # what is wrong with it is told before the head is trained
        trained = train(task, training, checkpoint, resume=resume)
        temperature, validation_ece = _temperature(trained.validation, task.truth)
        scale_logits(trained.network, temperature)

        info = _describe(output.stem, chosen, data, seed, group_by)
        maker = _Maker(task, data, info, trained.network)
        float_predictions = maker.measure(maker.make_float(), "float")
        flatbuffer, predictions, remedies = maker.quantize(quantization, float_predictions, max_drop)
        gate = compare_precisions(float_predictions, predictions)
        passed = gate.passes(max_drop)
        if not passed and not force:
            raise BadData(_failure(gate, quantization, max_drop))

        with steps.step("choosing thresholds"):
            validation = predict(maker.write("quantized", flatbuffer), data.of("validation"), Steps())
            thresholds = choose_thresholds(validation, min_precision)
        predictions = replace(predictions, thresholds=thresholds.by_label)
        metrics = {
            "split": "test",
            "float32": measure(float_predictions).summary(),
            quantization: measure(predictions).summary(),
            "gate": {"drop": round(gate.drop, 6), "agreement": round(gate.agreement, 6), "passed": passed},
            "temperature": round(temperature, 6),
        }
        finished = replace(info, quantization=quantization, thresholds=thresholds.by_label, metrics=metrics)
        model = maker.finish(output, flatbuffer, finished)
        checkpoint.remove()
    settings = {"backbone": backbone, "input_size": chosen.input_size, "crop": chosen.crop}
    settings |= {"quantization": quantization, "seed": seed}
    settings |= {"max_drop": max_drop, "force": force, "min_precision": min_precision, "group_by": group_by}
    settings |= {**asdict(training), "augmentation": trained.augmentation}
    return Conversion(
        model=model,
        dataset=data,
        weights=dict(zip(data.labels, task.weights.tolist(), strict=True)),
        network=trained.network,
        backbone=chosen,
        float_predictions=float_predictions,
        predictions=predictions,
        gate=gate,
        remedies=remedies,
        thresholds=thresholds,
        coverage=apply(predictions, thresholds.by_label),
        temperature=temperature,
        validation_ece=validation_ece,
        history=trained.history,
        plan=trained.plan,
        settings=settings,
        seconds=steps.seconds,
        trials=trained.trials,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    )


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder for temporary files, removed afterwards. Raises NoInput and WriteFailed where it cannot be used."""
    parent = _cache_folder()
    try:
        with tempfile.TemporaryDirectory(prefix="edgecls-", dir=parent) as folder:
            yield Path(folder)
    except TryAgain as error:  # a model on its way: what writes it knows nothing of TMPDIR
        if folder not in str(error) or "TMPDIR" in str(error):
            raise
        raise TryAgain(f"{error}, or set TMPDIR to another folder") from error
    except OSError as error:
        if not _is_about(error, parent):
            raise
        what = f"cannot keep temporary files in {parent} (set TMPDIR to another folder)"
        raise from_os_error(error, what) from error


def _cache_folder() -> str:
    """Where large temporary files belong: /tmp is often kept in memory. TMPDIR has the last word."""
    on_disk = "/var/tmp"  # noqa: S108 - a folder with a random name is made in it
    fallback = on_disk if os.access(on_disk, os.W_OK) else "/tmp"  # noqa: S108
    return os.environ.get("TMPDIR") or fallback


def _is_about(error: OSError, folder: str) -> bool:
    """Whether it names a file in `folder`, or none and a full disk: whatever else is written there names its file."""
    if error.filename is None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.fsdecode(error.filename).startswith(folder)


def _temperature(probabilities: NDArray[np.float32], truth: NDArray[np.intp]) -> tuple[float, tuple[float, float]]:
    """(the temperature, (calibration error without it, with it)), of the validation images."""
    from edgecls.convert.training.fine_tune import SMALLEST

    logits = np.log(np.maximum(probabilities, SMALLEST))
    temperature = fit_temperature(logits, truth)
    scaled = np.exp(logits / temperature)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return temperature, (ece(probabilities, truth), ece(scaled, truth))


def _failure(gate: Gate, quantization: str, max_drop: float) -> str:
    worst = min(gate.recall_change, key=lambda label: gate.recall_change[label])
    return (
        f"{quantization} loses too much: accuracy {gate.float_accuracy:.4f} becomes {gate.quantized_accuracy:.4f}, and "
        f"the recall of {worst!r} changes by {gate.recall_change[worst]:+.3f}: no model was written: allow more with "
        f"--max-drop {max_drop * 2:g}, choose --quantize float16, or write it all the same with --force"
    )


def _describe(name: str, backbone: Backbone, data: Dataset, seed: int, group_by: str | None) -> ModelInfo:
    described = {"fingerprint": data.fingerprint, "images": data.counts(), "seed": seed}
    return ModelInfo(
        name=name,
        preprocessing=backbone.preprocessing,
        quantization="float32",
        backbone=backbone.name,
        dataset={**described, "group_by": group_by} if group_by else described,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    import keras
    import tensorflow

    return {module.__name__: module.__version__ for module in (edgecls, tensorflow, keras, cv2, np)}


class _Maker:
    """Makes model files of one trained network, and measures them as the device would."""

    def __init__(self, task: "Task", data: Dataset, info: ModelInfo, network: "keras.Model") -> None:
        self._task, self._data, self._info, self._network = task, data, info, network
        self._mean, self._std = task.backbone.mean, task.backbone.std

    def write(self, name: str, flatbuffer: bytes) -> ModelFile:
        path = self._task.work / f"{name}.tflite"
        return write_model(path, flatbuffer, self._info, self._data.labels, (), mean=self._mean, std=self._std)

    def measure(self, flatbuffer: bytes, name: str) -> Predictions:
        return predict(self.write(name, flatbuffer), self._data.of("test"), self._task.steps, f"evaluating {name}")

    def make_float(self) -> bytes:
        from edgecls.convert.quantization import quantize

        with self._task.steps.step("converting to float"):
            return quantize.to_float(self._network, self._mean, self._std)

    def quantize(
        self, quantization: str, float_predictions: Predictions, max_drop: float
    ) -> tuple[bytes, Predictions, tuple[str, ...]]:
        """(flatbuffer, its predictions, the remedies that were tried). Of several attempts the most accurate."""
        flatbuffer = self._quantized(quantization, IMAGES)
        predictions = self.measure(flatbuffer, quantization)
        if quantization != "int8":
            return flatbuffer, predictions, ()
        tried = []
        for remedy, images in REMEDIES.items():
            if compare_precisions(float_predictions, predictions).passes(max_drop):
                break
            tried.append(remedy)
            attempt = self._refitted(images)
            found = self.measure(attempt, quantization)
            if found.right.mean() > predictions.right.mean():
                flatbuffer, predictions = attempt, found
        return flatbuffer, predictions, tuple(tried)

    def _calibration(self, count: int) -> list[NDArray[np.uint8]]:
        return calibration_images(self._task.images, self._task.backbone.preprocessing, self._task.seed, count)

    def _quantized(self, quantization: str, count: int) -> bytes:
        from edgecls.convert.quantization import quantize

        precision, images = find_quantization(quantization), self._calibration(count)
        return quantize.quantize(self._network, self._mean, self._std, precision, images, self._task.steps)

    def _refitted(self, count: int) -> bytes:
        """int8, with a head that has learnt on int8 features. The network keeps its own."""
        from edgecls.convert.quantization.remedy import refit_head

        last = self._network.get_layer("probabilities")
        before = last.get_weights()
        refit_head(self._network, self._task, self._calibration(count))
        try:
            return self._quantized("int8", count)
        finally:
            last.set_weights(before)

    def finish(self, output: Path, flatbuffer: bytes, info: ModelInfo) -> ModelFile:
        """Write the model with golden examples, once they have been replayed."""
        task, labels = self._task, self._data.labels
        with task.steps.step("recording golden examples"):
            examples = golden.record(flatbuffer, self._golden_images(), task.backbone.preprocessing, task.work)
            model = write_model(
                task.work / "finished.tflite", flatbuffer, info, labels, examples, mean=self._mean, std=self._std
            )
            verify(model)
        return write_model(output, flatbuffer, info, labels, examples, mean=self._mean, std=self._std)

    def _golden_images(self) -> list[bytes]:
        """A training image each of the first few classes, made small."""
        firsts = {sample.label: sample for sample in reversed(self._task.images)}
        chosen = [firsts[label].read() for label in self._data.labels[: golden.COUNT]]
        images = [decode(one) if isinstance(one, bytes) else one[..., ::-1] for one in chosen]
        return [golden.shrink(np.ascontiguousarray(image), self._task.backbone.preprocessing) for image in images]
