"""The steps of a conversion, in order.

TensorFlow is imported after the data set has been read, so that what is wrong with that is told at once.
"""

import contextlib
import errno
import json
import logging
import math
import os
import resource
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
from edgecls.convert.evaluation.curves import reliability
from edgecls.convert.evaluation.evaluate import Evaluation, measure
from edgecls.convert.evaluation.gate import Gate, compare_precisions
from edgecls.convert.evaluation.predictions import Predictions, predict
from edgecls.convert.evaluation.temperature import at_bound, ece, fit_temperature, unscale
from edgecls.convert.evaluation.thresholds import Coverage, Thresholds, apply, choose_thresholds, never_answered
from edgecls.convert.heavy import load_tensorflow
from edgecls.convert.quantization.calibration import IMAGES, calibration_images
from edgecls.convert.settings import AUTO, Epoch, Training, find_quantization
from edgecls.convert.training.augment import find_preset
from edgecls.convert.training.search import check_search
from edgecls.device.golden import verify
from edgecls.errors import BadData, TryAgain, UsageError, from_os_error
from edgecls.files import check_writable
from edgecls.model_file import ModelFile, ModelInfo, write_model
from edgecls.preprocess import Preprocessing, decode
from edgecls.progress import Steps

if TYPE_CHECKING:
    import keras

    from edgecls.convert.training.train import Task, Trained

log = logging.getLogger(__name__)

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
    `temperature` is that of the model that was written, `validation_ece` the calibration error on the validation images
    before and after it; `unscaled_predictions` are the float model's without its own. `remedies`
    are those that were tried because the quantized model had lost too much, `remedy` the one in the model, if any;
    `passed` is false where it loses more than `max_drop` all the same and was forced. `seconds` is step -> wall-clock seconds,
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
    remedies: tuple[str, ...]
    remedy: str
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
    def test_ece(self) -> tuple[float, float]:
        """The calibration error of the float model on the test images, before and after its temperature."""
        return reliability(self.unscaled_predictions).error, reliability(self.float_predictions).error

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
    _check_training(training, chosen)
    check_writable(output)  # before minutes of work, not after
    kept = output.with_name(f"{output.name}.checkpoint")
    if resume and not kept.exists():
        raise UsageError(f"there is no {kept} to go on from: run without --resume")
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
        checkpoint = Checkpoint(kept, identity)
        if resume:
            checkpoint.load()  # what is wrong with it is told before the head is trained
        trained = train(task, training, checkpoint, resume=resume)
        scaling = _find_scaling(trained.validation, task.truth)
        scale_logits(trained.network, scaling.temperature)

        described = _describe(output.stem, chosen, data, seed, group_by)
        info = replace(described, training={**asdict(trained.training), "augmentation": trained.augmentation})
        maker = _Maker(task, data, info, trained, scaling)
        float_model = maker.make_float()
        float_predictions = maker.measure(float_model, "float")
        unscaled = replace(float_predictions, scores=unscale(float_predictions.scores, scaling.temperature))
        made, predictions, remedies = maker.quantize(quantization, (float_model, float_predictions), max_drop)
        gate = compare_precisions(float_predictions, predictions)
        passed = gate.passes(max_drop)
        if not passed and not force:
            raise BadData(_failure(gate, quantization, remedies))
        _warn_of_bound(made.scaling)
        with steps.step("choosing thresholds"):
            thresholds = choose_thresholds(maker.validate(made.flatbuffer), min_precision)
        predictions = replace(predictions, thresholds=thresholds.by_label)
        metrics = {
            "split": "test",
            "float32": measure(float_predictions).summary(),
            quantization: measure(predictions).summary(),
            "gate": {"drop": round(gate.drop, 6), "agreement": round(gate.agreement, 6), "passed": passed},
            "temperature": round(made.scaling.temperature, 6),
            "unscaled_ece": round(reliability(unscaled).error, 6),
        }
        finished = replace(info, quantization=quantization, thresholds=thresholds.by_label, metrics=metrics)
        model = maker.finish(output, made.flatbuffer, finished)
        checkpoint.remove()
    settings: dict[str, Any] = {"dataset": str(dataset), "split_file": split_file and str(split_file)}
    settings |= {"group_by": group_by, "backbone": backbone, "input_size": chosen.input_size, "crop": chosen.crop}
    settings |= {"quantization": quantization, "seed": seed, "resume": resume}
    settings |= {"max_drop": max_drop, "force": force, "min_precision": min_precision, **info.training}
    return Conversion(
        model=model,
        dataset=data,
        weights=dict(zip(data.labels, task.weights.tolist(), strict=True)),
        network=trained.network,
        backbone=chosen,
        float_predictions=float_predictions,
        unscaled_predictions=unscaled,
        predictions=predictions,
        gate=gate,
        max_drop=max_drop,
        passed=passed,
        remedies=remedies,
        remedy=made.remedy,
        thresholds=thresholds,
        coverage=apply(predictions, thresholds.by_label),
        temperature=made.scaling.temperature,
        validation_ece=made.scaling.validation_ece,
        history=trained.history,
        plan=trained.plan,
        settings=settings,
        seconds=steps.seconds,
        trials=trained.trials,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    )


def _check_training(training: Training, backbone: Backbone) -> None:
    """Raise UsageError and MissingExtra for what could not be done later."""
    if training.augmentation != AUTO:
        find_preset(training.augmentation)
    if training.search and not backbone.pretrained:
        raise UsageError(f"--search tries heads on a pretrained network, and {backbone.name} is none: leave it out")
    if training.search:
        check_search()


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


@dataclass(frozen=True, slots=True)
class _Scaling:
    """A temperature, and the calibration error on the validation images before and after it."""

    temperature: float
    validation_ece: tuple[float, float]


def _find_scaling(probabilities: NDArray[np.float32], truth: NDArray[np.intp]) -> _Scaling:
    """Of the validation images: their probabilities (n, classes), and the class of each, (n,)."""
    from edgecls.convert.training.fine_tune import SMALLEST

    logits = np.log(np.maximum(probabilities, SMALLEST))
    temperature = fit_temperature(logits, truth)
    scaled = np.exp(logits / temperature)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return _Scaling(temperature, (ece(probabilities, truth), ece(scaled, truth)))


def _warn_of_bound(scaling: _Scaling) -> None:
    if at_bound(scaling.temperature):
        log.warning(
            "the temperature ended at its bound, %.3g: scores will not mean much: look at the learning curves, and give "
            "more validation images",
            scaling.temperature,
        )


SAFER = {"int8": "float16", "dynamic": "float16", "float16": "float32"}
"""A precision -> one that loses less."""


def _failure(gate: Gate, quantization: str, remedies: Sequence[str]) -> str:
    worst = min(gate.recall_change, key=lambda label: gate.recall_change[label])
    tried = ", with its head refitted too" if remedies else ""
    enough = math.ceil(round(gate.drop * 1000, 6)) / 1000
    safer = f"choose --quantize {SAFER[quantization]}, " if quantization in SAFER else ""
    return (
        f"{quantization} loses too much{tried}: accuracy {gate.float_accuracy:.4f} becomes "
        f"{gate.quantized_accuracy:.4f}, and the recall of {worst!r} changes by {gate.recall_change[worst]:+.3f}: no "
        f"model was written: allow it with --max-drop {max(enough, 0):g}, {safer}or write it all the same with --force"
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


@dataclass(frozen=True, slots=True)
class _Made:
    """A quantized model, what its logits are divided by, and the remedy it was made with, if any."""

    flatbuffer: bytes
    scaling: _Scaling
    remedy: str = ""


class _Maker:
    """Makes model files of one trained network, and measures them as the device would."""

    def __init__(self, task: "Task", data: Dataset, info: ModelInfo, trained: "Trained", scaling: _Scaling) -> None:
        self._task, self._data, self._info, self._scaling = task, data, info, scaling
        self._network, self._of_head = trained.network, trained.of_head
        self._mean, self._std = task.backbone.mean, task.backbone.std

    def write(self, name: str, flatbuffer: bytes) -> ModelFile:
        path = self._task.work / f"{name}.tflite"
        return write_model(path, flatbuffer, self._info, self._data.labels, (), mean=self._mean, std=self._std)

    def measure(self, flatbuffer: bytes, name: str) -> Predictions:
        return predict(self.write(name, flatbuffer), self._data.of("test"), self._task.steps, f"evaluating {name}")

    def validate(self, flatbuffer: bytes) -> Predictions:
        """Of the validation images, on which all choices are made."""
        return predict(self.write("quantized", flatbuffer), self._data.of("validation"), Steps())

    def make_float(self) -> bytes:
        from edgecls.convert.quantization import quantize

        with self._task.steps.step("converting to float"):
            return quantize.to_float(self._network, self._mean, self._std)

    def quantize(
        self, quantization: str, of_float: tuple[bytes, Predictions], max_drop: float
    ) -> tuple[_Made, Predictions, tuple[str, ...]]:
        """(the model, its predictions on the test images, the remedies that were tried).

        Whether it loses too much say the test images; which of several attempts is the best, the validation images. A
        choice made on the images that the figures are of would flatter these. `of_float` is the float model, and its
        predictions on the test images.
        """
        float_model, float_predictions = of_float
        first = _Made(self._quantized(quantization, IMAGES), self._scaling)
        predictions = self.measure(first.flatbuffer, quantization)
        if quantization != "int8" or compare_precisions(float_predictions, predictions).passes(max_drop):
            return first, predictions, ()
        best, tried = self._best_remedy(first, float_model, max_drop)
        return best, predictions if best is first else self.measure(best.flatbuffer, quantization), tried

    def _best_remedy(self, first: _Made, float_model: bytes, max_drop: float) -> tuple[_Made, tuple[str, ...]]:
        """(the most accurate on the validation images, of equals the last; what was tried until one loses no more)."""
        before, tried = self.validate(float_model), []
        best, accuracy = first, self.validate(first.flatbuffer).right.mean()
        for remedy, images in REMEDIES.items():
            made = self._refitted(remedy, images)
            found = self.validate(made.flatbuffer)
            tried.append(remedy)
            if found.right.mean() >= accuracy:
                best, accuracy = made, found.right.mean()
            if compare_precisions(before, found).passes(max_drop):
                break
        return best, tuple(tried)

    def _calibration(self, count: int) -> list[NDArray[np.uint8]]:
        return calibration_images(self._task.images, self._task.backbone.preprocessing, self._task.seed, count)

    def _quantized(self, quantization: str, count: int) -> bytes:
        from edgecls.convert.quantization import quantize

        precision, images = find_quantization(quantization), self._calibration(count)
        return quantize.quantize(self._network, self._mean, self._std, precision, images, self._task.steps)

    def _refitted(self, remedy: str, count: int) -> _Made:
        """int8, with a head that has learnt on int8 features, and its own temperature. The network keeps its own."""
        from edgecls.convert.quantization.remedy import refit_head
        from edgecls.convert.training.head import scale_logits

        last = self._network.get_layer("probabilities")
        before = last.get_weights()
        try:
            validation = refit_head(self._network, self._task, self._of_head, self._calibration(count))
            scaling = _find_scaling(validation, self._task.truth)
            scale_logits(self._network, scaling.temperature)
            return _Made(self._quantized("int8", count), scaling, remedy)
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
