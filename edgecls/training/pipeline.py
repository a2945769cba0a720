"""The steps of a conversion, in order.

TensorFlow and scikit-learn are imported after the data set has been read, so that what is wrong with that is told at once.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, get_args

import cv2
import numpy as np

from edgecls import system
from edgecls.errors import UsageError
from edgecls.files import check_not_input, check_writable, is_stream
from edgecls.images.framing import Fit
from edgecls.model.model_file import ModelInfo
from edgecls.progress import Progress
from edgecls.training.backbones import DEFAULT_BACKBONE, Backbone, find_backbone
from edgecls.training.data.dataset import Dataset, read_dataset
from edgecls.training.data.samples import reviewed_samples
from edgecls.training.fitting.augment import find_preset
from edgecls.training.fitting.search import check_search
from edgecls.training.heavy import load_tensorflow
from edgecls.training.output_lock import lock_output
from edgecls.training.settings import AUTO, Training, find_fit, find_quantization
from edgecls.training.unseen import much_is_unseen, warn_of_unseen
from edgecls.training.work_folder import work_folder
from edgecls.version import __version__

if TYPE_CHECKING:
    from edgecls.training.conversion import Conversion
    from edgecls.training.evaluation.predictions import Predictions
    from edgecls.training.evaluation.temperature import Scaling
    from edgecls.training.fitting.training_data import TrainingData
    from edgecls.training.precision import Chosen

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

WHOLE = 1.0
"""A frozen network sees best what it was pretrained on, the middle of a photograph. One that is trained can learn to see
all of it: that gave 1.5 points on two data sets, and nothing at the border goes unseen."""


def _holding_output(function: Callable[Concatenate[str | Path, str | Path, P], T]) -> Callable[..., T]:
    """Check that the output can be written, and keep other conversions from it: before minutes of work, not after."""

    @wraps(function)
    def convert(dataset: str | Path, output: str | Path, *arguments: P.args, **options: P.kwargs) -> T:
        check_writable(Path(output))
        with contextlib.nullcontext() if is_stream(Path(output)) else lock_output(Path(output)):
            return function(dataset, output, *arguments, **options)

    return convert


@_holding_output
def convert(
    dataset: str | Path,
    output: str | Path,
    *,
    split_file: str | Path | None = None,
    group_by: str | None = None,
    exclude: Sequence[str] = (),
    reviewed: Sequence[tuple[str | Path, str]] = (),
    backbone: str = DEFAULT_BACKBONE,
    input_size: int | None = None,
    fit: str = AUTO,
    crop: float | None = None,
    white: int | None = None,
    quantization: str = "int8",
    training: Training | None = None,
    max_drop: float = 0.01,
    force: bool = False,
    min_precision: float = 0.95,
    seed: int = 0,
    resume: bool = False,
    progress: Progress | None = None,
) -> "Conversion":
    """Fine-tune `backbone` on `dataset`, quantize it, measure it as the device will, and write the model to `output`.

    `dataset`, `split_file`, `group_by` and `exclude` are as in `samples.read_samples`; `reviewed` are (image, label) that
    are trained on too, see `data.added`; `fit` is how an image is made to fit the network, as in `Preprocessing`, or
    "auto": `crop`, unless that leaves out much and another is better on the training images; `crop` is the central share
    of an image that is seen, 0 < crop <= 1, by default all of it, but what the backbone was pretrained on where it is not
    fine-tuned and images are cropped. `white` is the value that is white in 16-bit files or an `.npz`, by default found.
    A quantized model that certainly loses more than `max_drop` of the float one's accuracy, see `Gate.passes`, even after
    what can be done about it, is not written but with `force`: instead the next safer precision is, beside `output` and
    under another name, see `Conversion.rejected`.
    `min_precision` is what each label's threshold should give, 0 for no thresholds. While it fine-tunes, what was
    trained is kept beside `output`, and `resume` goes on from there. Otherwise nothing is written to `output`
    before all has gone well. Raises UsageError, InputNotFound, BadData, MissingExtra and IoFailed; Unavailable where another
    conversion is writing `output`.
    """
    progress, output = progress or Progress(), Path(output)
    chosen, _, asked_fit = find_backbone(backbone, input_size), find_quantization(quantization), find_fit(fit)
    training = (training or Training()).with_defaults(chosen.training)
    _check_training(training, chosen)
    check_not_input(output, Path(dataset), *([Path(split_file)] if split_file else []))
    kept = _checkpoint_path(output, resume=resume)
    data = read_dataset(
        Path(dataset),
        Path(split_file) if split_file else None,
        seed,
        progress,
        group_by=group_by,
        reviewed=reviewed_samples(reviewed),
        exclude=exclude,
        white=white,
    )
    check_not_input(output, *(sample.path for sample in data.samples if output.exists()))
    with progress.step("loading TensorFlow"):
        load_tensorflow()
    from edgecls.training.conversion import Conversion
    from edgecls.training.evaluation.temperature import find_scaling, unscale
    from edgecls.training.evaluation.thresholds import apply_thresholds, choose_thresholds
    from edgecls.training.exporter import ModelExporter
    from edgecls.training.fitting.checkpoint import Checkpoint
    from edgecls.training.fitting.head import scale_logits
    from edgecls.training.fitting.train import train
    from edgecls.training.fitting.training_data import make_task
    from edgecls.training.precision import choose_precision

    with work_folder() as work:
        chosen = replace(chosen, white8=data.white.eight, white16=data.white.sixteen)
        share = crop or (None if training.fine_tune == "none" else WHOLE)
        task = _fitted(make_task(chosen, data, training, work, seed, progress), data, asked_fit, share)
        chosen = task.backbone
        checkpoint = Checkpoint(
            work / "checkpoint" if is_stream(output) else kept, _identity(training, backbone, chosen, data, seed)
        )
        if resume:
            checkpoint.load()  # what is wrong with it is told before the head is trained
        trained = train(task, training, checkpoint, resume=resume)
        scaling = find_scaling(trained.validation, task.truth)
        scale_logits(trained.network, scaling.temperature)

        described = _describe(output.stem, chosen, data, seed, group_by)
        info = replace(described, training={**asdict(trained.training), "augmentation": trained.augmentation})
        exporter = ModelExporter(task, data, info, trained)
        float_model = exporter.make_float()
        float_predictions = exporter.measure(float_model, "float")
        made = choose_precision(exporter, quantization, (float_model, float_predictions), output, max_drop, force=force)
        float_predictions = made.float_predictions
        unscaled = replace(float_predictions, scores=unscale(float_predictions.scores, scaling.temperature))
        _warn_of_bound(scaling)
        with progress.step("choosing thresholds"):
            thresholds = choose_thresholds(validated := exporter.validate(made.flatbuffer), min_precision)
        predictions = replace(made.predictions, thresholds=thresholds.by_label)
        finished = replace(info, name=made.path.stem, quantization=made.precision, thresholds=thresholds.by_label)
        validated = replace(validated, thresholds=thresholds.by_label)
        metrics = _metrics(made, (float_predictions, unscaled), predictions, validated, scaling)
        model = exporter.finish(made.path, made.flatbuffer, replace(finished, metrics=metrics))
        if not made.rejected:  # from it the one that was asked for can be made, with --force, without training
            checkpoint.remove()
    settings: dict[str, Any] = {
        "dataset": str(dataset),
        "split_file": split_file and str(split_file),
        "group_by": group_by,
        "reviewed": data.added,
        "backbone": backbone,
        "input_size": chosen.input_size,
        "fit": chosen.fit,
        "crop": chosen.crop,
        "white8": chosen.white8,
        "white16": chosen.white16,
        "quantization": quantization,
        "seed": seed,
        "resume": resume,
        "max_drop": max_drop,
        "force": force,
        "min_precision": min_precision,
        **info.training,
    }
    return Conversion(
        model=model,
        dataset=data,
        weights=dict(zip(data.labels, task.weights.tolist(), strict=True)),
        network=trained.network,
        backbone=chosen,
        float_predictions=float_predictions,
        unscaled_predictions=unscaled,
        predictions=predictions,
        gate=made.gate,
        max_drop=max_drop,
        passed=made.passed,
        refit_tried=made.refit_tried,
        head_refitted=made.head_refitted,
        thresholds=thresholds,
        coverage=apply_thresholds(predictions, thresholds.by_label),
        temperature=scaling.temperature,
        validation_ece=scaling.validation_ece,
        history=trained.history,
        plan=trained.plan,
        settings=settings,
        seconds=progress.seconds,
        trials=trained.trials,
        rejected=made.rejected,
        peak_memory_mb=(system.peak_memory() or 0) / 1e6,
    )


def _checkpoint_path(output: Path, *, resume: bool) -> Path:
    path = output.with_name(f"{output.name}.checkpoint")
    if resume and not path.exists():
        raise UsageError(f"there is no {path} to go on from: run without --resume")
    return path


def _metrics(
    made: "Chosen",
    of_float: "tuple[Predictions, Predictions]",
    tested: "Predictions",
    validated: "Predictions",
    scaling: "Scaling",
) -> dict[str, Any]:
    """Return what the model file says of how good it is.

    `of_float` are the float model's predictions on the test images, with its temperature and without; `tested` and
    `validated` those of the model that is written, on the test and the validation images.
    """
    from edgecls.training.evaluation.answered import count_answers
    from edgecls.training.evaluation.curves import reliability_curve
    from edgecls.training.evaluation.evaluate import evaluate_predictions

    scaled, unscaled = of_float
    return {
        "split": "test",
        "float32": evaluate_predictions(scaled).summary(),
        made.precision: evaluate_predictions(tested).summary(),
        "gate": {**made.gate.summary(), "passed": made.passed},
        **(made.rejected.metrics() if made.rejected else {}),
        "temperature": round(scaling.temperature, 6),
        "unscaled_ece": round(reliability_curve(unscaled).error, 6),
        "validation": count_answers(validated),
    }


def _fitted(task: "TrainingData", data: Dataset, asked: Fit | None, crop: float | None) -> "TrainingData":
    """Return the task with a backbone of the fit that was asked for, or else of the best one.

    `crop` is the share of an image that is seen; None: what the backbone was pretrained on where images are cropped,
    and else all of it.
    """
    shares = {"crop": crop or task.backbone.crop, "stretch": crop or WHOLE, "pad": crop or WHOLE}
    specs: dict[Fit, Backbone] = {fit: replace(task.backbone, fit=fit, crop=shares[fit]) for fit in get_args(Fit)}
    fit = asked or "crop"
    if asked is None and task.backbone.pretrained and much_is_unseen(data, specs["crop"].preprocessing):
        from edgecls.training.fitting.choose_fit import measure_fits

        fit = measure_fits(task, specs)
    else:
        warn_of_unseen(data, specs[fit].preprocessing)
    return replace(task, backbone=specs[fit])


def _check_training(training: Training, backbone: Backbone) -> None:
    """Raise UsageError and MissingExtra for what could not be done later."""
    if training.augmentation != AUTO:
        find_preset(training.augmentation)
    if training.fine_tune == "none" and not backbone.pretrained:
        raise UsageError(
            f"{backbone.name} has no pretrained weights, so all of it is trained: leave out --fine-tune none"
        )
    if training.search and not backbone.pretrained:
        raise UsageError(f"--search tries heads on a pretrained network, and {backbone.name} is none: leave it out")
    if training.search:
        check_search()


def _warn_of_bound(scaling: "Scaling") -> None:
    from edgecls.training.evaluation.temperature import at_bound

    if at_bound(scaling.temperature):
        log.warning(
            "the temperature ended at its bound, %.3g: scores will not mean much: look at the learning curves, and give "
            "more validation images",
            scaling.temperature,
        )


def _identity(training: Training, name: str, backbone: Backbone, data: Dataset, seed: int) -> str:
    """All that training depends on, as a text."""
    about = {**asdict(training), "backbone": name, "size": backbone.input_size, "crop": backbone.crop, "seed": seed}
    about |= {"fit": backbone.fit, "white": [backbone.white8, backbone.white16], "array": data.scale}
    about |= {"images": data.fingerprint, "versions": _versions()}
    return json.dumps(about, sort_keys=True)


def _describe(name: str, backbone: Backbone, data: Dataset, seed: int, group_by: str | None) -> ModelInfo:
    described = {"fingerprint": data.fingerprint, "images": data.counts(), "seed": seed}
    described |= {"reviewed": data.added} if data.added else {}
    described |= {"array": data.scale._asdict()} if data.scale else {}
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

    versions = {module.__name__: module.__version__ for module in (tensorflow, keras, cv2, np)}
    return {"edgecls": __version__, **versions}
