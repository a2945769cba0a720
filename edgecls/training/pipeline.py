"""The steps of a conversion, in order: `run_pipeline`.

TensorFlow and scikit-learn are imported after the data set has been read, so that errors in it are reported at once.
"""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import cv2
import numpy as np

from edgecls import system
from edgecls.errors import UsageError
from edgecls.files import check_not_input, check_writable, is_stream
from edgecls.images.framing import Fit
from edgecls.model.model_file import ModelInfo
from edgecls.progress import Progress
from edgecls.training.backbones import Backbone, find_backbone
from edgecls.training.data.dataset import Dataset, read_dataset
from edgecls.training.data.samples import reviewed_samples
from edgecls.training.defaults import resolve_defaults
from edgecls.training.fitting.augment import find_preset
from edgecls.training.fitting.search import check_search
from edgecls.training.heavy import check_installed, load_tensorflow
from edgecls.training.output_lock import lock_output
from edgecls.training.settings import AUTO, Quantization, ResolvedTraining, Training
from edgecls.training.unseen import much_is_unseen, warn_of_unseen
from edgecls.training.work_folder import work_folder
from edgecls.version import __version__

if TYPE_CHECKING:
    from edgecls.training.conversion import Conversion
    from edgecls.training.evaluation.predictions import Predictions
    from edgecls.training.evaluation.temperature import Scaling
    from edgecls.training.fitting.checkpoint import Checkpoint
    from edgecls.training.fitting.training_data import TrainingData, TrainingResult
    from edgecls.training.precision import Chosen

log = logging.getLogger(__name__)

WHOLE = 1.0
"""The crop of a backbone that is fine-tuned. A frozen network sees best what it was pretrained on, the middle of a photograph; a
trained one learns to use all of it, which gained 1.5 points on two data sets, and nothing at the border is missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of `edgecls.convert`, which documents them."""

    dataset: Path
    output: Path
    split_file: Path | None
    group_by: str | None
    exclude: tuple[str, ...]
    reviewed: tuple[tuple[str | Path, str], ...]
    backbone: str
    input_size: int | None
    fit: Fit | None
    crop: float | None
    white: int | None
    quantization: Quantization
    training: Training
    max_drop: float
    force: bool
    min_precision: float
    seed: int
    resume: bool


def run_pipeline(options: Options, progress: Progress | None = None) -> "Conversion":
    """Convert a data set into a model file. Raises the errors of `edgecls.convert`."""
    check_installed()
    progress = progress or Progress()
    backbone = find_backbone(options.backbone, options.input_size)
    settings = resolve_defaults(options.training, backbone)
    _check(options, settings)
    with _reserve(options.output):
        dataset = _read_dataset(options, progress)
        with progress.step("loading TensorFlow"):
            load_tensorflow()
        backbone = replace(backbone, white8=dataset.white.eight, white16=dataset.white.sixteen)
        with work_folder() as work:
            return _train_and_export(options, settings, backbone, dataset, work, progress)


def _train_and_export(
    options: Options, settings: ResolvedTraining, backbone: Backbone, dataset: Dataset, work: Path, progress: Progress
) -> "Conversion":
    from edgecls.training.fitting.train import train
    from edgecls.training.fitting.training_data import load_training_data

    backbone = _choose_fit(options, settings, backbone, dataset, work, progress)
    checkpoint = _open_checkpoint(options, settings, backbone, dataset, work)
    with progress.step("loading backbone"):
        network = backbone.load()
    data = load_training_data(backbone, dataset, work, options.seed, progress, class_weights=settings.class_weights)
    result = train(data, network, settings, checkpoint, resume=options.resume)
    conversion = _export(options, dataset, data, result)
    if not conversion.rejected:  # with the checkpoint, --force writes a rejected model without training again
        checkpoint.remove()
    return conversion


def _export(options: Options, dataset: Dataset, data: "TrainingData", result: "TrainingResult") -> "Conversion":
    """Scale, quantize and measure the trained network, and write the model file."""
    from edgecls.training.conversion import Conversion
    from edgecls.training.evaluation.temperature import find_scaling, unscale
    from edgecls.training.evaluation.thresholds import apply_thresholds, choose_thresholds
    from edgecls.training.exporter import ModelExporter
    from edgecls.training.fitting.head import scale_logits
    from edgecls.training.precision import choose_precision

    scaling = find_scaling(result.validation, data.validation_classes)
    scale_logits(result.network, scaling.temperature)
    _warn_of_bound(scaling)

    info = _describe(options, data.backbone, dataset, result)
    exporter = ModelExporter(data, dataset, info, result)
    float_model = exporter.export_float()
    of_float = float_model, exporter.measure(float_model, "float")
    chosen = choose_precision(
        exporter, options.quantization, of_float, options.output, options.max_drop, force=options.force
    )
    unscaled = replace(chosen.float_predictions, scores=unscale(chosen.float_predictions.scores, scaling.temperature))

    with data.progress.step("choosing thresholds"):
        validated = exporter.validate(chosen.flatbuffer)
        thresholds = choose_thresholds(validated, options.min_precision)
    predictions = replace(chosen.predictions, thresholds=thresholds.by_label)
    validated = replace(validated, thresholds=thresholds.by_label)

    metrics = _metrics(chosen, unscaled, predictions, validated, scaling)
    finished = replace(info, name=chosen.path.stem, quantization=chosen.precision, thresholds=thresholds.by_label)
    model = exporter.finish(chosen.path, chosen.flatbuffer, replace(finished, metrics=metrics))
    return Conversion(
        model=model,
        dataset=dataset,
        weights=dict(zip(dataset.labels, data.class_weights.tolist(), strict=True)),
        backbone=data.backbone,
        result=result,
        scaling=scaling,
        chosen=chosen,
        unscaled_predictions=unscaled,
        predictions=predictions,
        thresholds=thresholds,
        coverage=apply_thresholds(predictions, thresholds.by_label),
        max_drop=options.max_drop,
        settings=_settings(options, data.backbone, dataset, info),
        seconds=data.progress.seconds,
        peak_memory_mb=(system.peak_memory() or 0) / 1e6,
    )


def _check(options: Options, settings: ResolvedTraining) -> None:
    """Raise UsageError and MissingExtra for what would fail later."""
    if (augmentation := options.training.augmentation or AUTO) != AUTO:
        find_preset(augmentation)
    if settings.search:
        check_search()
    if options.resume and not (checkpoint := _checkpoint_path(options.output)).exists():
        raise UsageError(f"there is no checkpoint {checkpoint} to resume from: omit --resume")


@contextlib.contextmanager
def _reserve(output: Path) -> Iterator[None]:
    """Check that `output` can be written, and keep other conversions from writing it: before minutes of work."""
    check_writable(output)
    with contextlib.nullcontext() if is_stream(output) else lock_output(output):
        yield


def _read_dataset(options: Options, progress: Progress) -> Dataset:
    check_not_input(options.output, options.dataset, *([options.split_file] if options.split_file else []))
    dataset = read_dataset(
        options.dataset,
        options.split_file,
        options.seed,
        progress,
        group_by=options.group_by,
        reviewed=reviewed_samples(options.reviewed),
        exclude=options.exclude,
        white=options.white,
    )
    check_not_input(options.output, *(sample.path for sample in dataset.samples if options.output.exists()))
    return dataset


def _choose_fit(
    options: Options,
    settings: ResolvedTraining,
    backbone: Backbone,
    dataset: Dataset,
    work: Path,
    progress: Progress,
) -> Backbone:
    """Return the backbone with the requested fit, or with the best one where large parts of the images would be unseen.

    Without a requested crop it is the one that the backbone was pretrained on, where that is frozen and images are
    cropped, and otherwise the whole image.
    """
    crop = options.crop or (None if settings.fine_tune == "none" else WHOLE)
    crops = {"crop": crop or backbone.crop, "stretch": crop or WHOLE, "pad": crop or WHOLE}
    backbones: dict[Fit, Backbone] = {fit: replace(backbone, fit=fit, crop=crops[fit]) for fit in get_args(Fit)}
    if options.fit is None and backbone.pretrained and much_is_unseen(dataset, backbones["crop"].preprocessing):
        from edgecls.training.fitting.choose_fit import measure_fits
        from edgecls.training.fitting.training_data import save_backbone

        return backbones[
            measure_fits(save_backbone(backbone, backbone.load(), work), backbones, dataset, options.seed, progress)
        ]
    chosen = backbones[options.fit or "crop"]
    warn_of_unseen(dataset, chosen.preprocessing)
    return chosen


def _checkpoint_path(output: Path) -> Path:
    return output.with_name(f"{output.name}.checkpoint")


def _open_checkpoint(
    options: Options, settings: ResolvedTraining, backbone: Backbone, dataset: Dataset, work: Path
) -> "Checkpoint":
    """Return the checkpoint of fine-tuning. To resume, it is read now, so that errors are reported before training."""
    from edgecls.training.fitting.checkpoint import Checkpoint

    identity = {
        **settings.as_dict(settings.head if settings.fine_tune == "none" else settings.fine_tuning),
        "backbone": options.backbone,
        "size": backbone.input_size,
        "crop": backbone.crop,
        "seed": options.seed,
        "fit": backbone.fit,
        "white": [backbone.white8, backbone.white16],
        "array": dataset.scale,
        "images": dataset.fingerprint,
        "versions": _versions(),
    }
    path = work / "checkpoint" if is_stream(options.output) else _checkpoint_path(options.output)
    checkpoint = Checkpoint(path, json.dumps(identity, sort_keys=True))
    if options.resume:
        checkpoint.load()
    return checkpoint


def _warn_of_bound(scaling: "Scaling") -> None:
    from edgecls.training.evaluation.temperature import at_bound

    if at_bound(scaling.temperature):
        log.warning(
            "the temperature reached its limit, %.3g, so scores are not reliable as probabilities: check the learning "
            "curves, and add validation images",
            scaling.temperature,
        )


def _describe(options: Options, backbone: Backbone, dataset: Dataset, result: "TrainingResult") -> ModelInfo:
    """Return the description of the model that its file carries, so far as it does not depend on quantization."""
    described = {"fingerprint": dataset.fingerprint, "images": dataset.counts(), "seed": options.seed}
    described |= {"reviewed": dataset.added} if dataset.added else {}
    described |= {"array": dataset.scale._asdict()} if dataset.scale else {}
    described |= {"group_by": options.group_by} if options.group_by else {}
    return ModelInfo(
        name=options.output.stem,
        preprocessing=backbone.preprocessing,
        quantization="float32",
        backbone=backbone.name,
        dataset=described,
        training=result.settings.as_dict(result.phase),
        versions=_versions(),
    )


def _metrics(
    chosen: "Chosen",
    unscaled: "Predictions",
    predictions: "Predictions",
    validated: "Predictions",
    scaling: "Scaling",
) -> dict[str, Any]:
    """Return the figures that the model file carries.

    `unscaled` are the float model's predictions on the test images without its temperature; `predictions` and
    `validated` are those of the model to be written, on the test and on the validation images.
    """
    from edgecls.training.evaluation.answered import count_answers
    from edgecls.training.evaluation.curves import reliability_curve
    from edgecls.training.evaluation.evaluate import evaluate_predictions

    return {
        "split": "test",
        "float32": evaluate_predictions(chosen.float_predictions).summary(),
        chosen.precision: evaluate_predictions(predictions).summary(),
        "gate": {**chosen.gate.summary(), "passed": chosen.passed},
        **(chosen.rejected.metrics() if chosen.rejected else {}),
        "temperature": round(scaling.temperature, 6),
        "unscaled_ece": round(reliability_curve(unscaled).error, 6),
        "validation": count_answers(validated),
    }


def _settings(options: Options, backbone: Backbone, dataset: Dataset, info: ModelInfo) -> dict[str, Any]:
    """Return the settings that were used, for the report."""
    requested = asdict(options)
    for name in ("output", "exclude", "white", "training"):
        del requested[name]
    return {
        **requested,
        "dataset": str(options.dataset),
        "split_file": options.split_file and str(options.split_file),
        "reviewed": dataset.added,
        "input_size": backbone.input_size,
        "fit": backbone.fit,
        "crop": backbone.crop,
        "white8": backbone.white8,
        "white16": backbone.white16,
        **info.training,
    }


def _versions() -> dict[str, str]:
    import keras
    import tensorflow

    versions = {module.__name__: module.__version__ for module in (tensorflow, keras, cv2, np)}
    return {"edgecls": __version__, **versions}
