"""The steps of a conversion, in order.

TensorFlow is imported after the data set has been read, so that what is wrong with that is told at once.
"""

import json
import logging
import math
import resource
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import cv2
import numpy as np

import edgecls
from edgecls.convert.backbones import DEFAULT_BACKBONE, Backbone, find_backbone
from edgecls.convert.conversion import Conversion
from edgecls.convert.data.dataset import Dataset, read_dataset
from edgecls.convert.data.samples import reviewed_samples
from edgecls.convert.evaluation.answered import count_answers
from edgecls.convert.evaluation.curves import reliability
from edgecls.convert.evaluation.evaluate import measure
from edgecls.convert.evaluation.gate import Gate, compare_precisions
from edgecls.convert.evaluation.predictions import Predictions, in_common
from edgecls.convert.evaluation.temperature import Scaling, at_bound, find_scaling, unscale
from edgecls.convert.evaluation.thresholds import apply, choose_thresholds
from edgecls.convert.heavy import load_tensorflow
from edgecls.convert.maker import Maker
from edgecls.convert.settings import AUTO, Training, find_fit, find_quantization
from edgecls.convert.training.augment import find_preset
from edgecls.convert.training.search import check_search
from edgecls.convert.unseen import much_is_unseen, warn_of_unseen
from edgecls.convert.work_folder import work_folder
from edgecls.errors import BadData, UsageError
from edgecls.files import check_writable
from edgecls.model_file import ModelInfo
from edgecls.preprocess import Fit
from edgecls.progress import Steps

if TYPE_CHECKING:
    from edgecls.convert.training.task import Task

log = logging.getLogger(__name__)

WHOLE = 1.0
"""A frozen network sees best what it was pretrained on, the middle of a photograph. One that is trained can learn to see
all of it: that gave 1.5 points on two data sets, and nothing at the border goes unseen."""


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
    steps: Steps | None = None,
) -> Conversion:
    """Fine-tune `backbone` on `dataset`, quantize it, measure it as the device will, and write the model to `output`.

    `dataset`, `split_file`, `group_by` and `exclude` are as in `samples.read_samples`; `reviewed` are (image, label) that
    are trained on too, see `data.added`; `fit` is how an image is made to fit the network, as in `Preprocessing`, or
    "auto": `crop`, unless that leaves out much and another is better on the training images; `crop` is the central share
    of an image that is seen, 0 < crop <= 1, by default all of it, but what the backbone was pretrained on where it is not
    fine-tuned and images are cropped. `white` is the value that is white in 16-bit files or an `.npz`, by default found. A quantized model that loses more than
    `max_drop` of the float one's accuracy, even after what can be done about it, is not written but with `force`.
    `min_precision` is what each label's threshold should give, 0 for no thresholds. While it fine-tunes, what was
    trained is kept beside `output`, and `resume` goes on from there. Otherwise nothing is written to `output`
    before all has gone well. Raises UsageError, NoInput, BadData, MissingExtra and WriteFailed.
    """
    steps, output = steps or Steps(), Path(output)
    chosen, _, asked_fit = find_backbone(backbone, input_size), find_quantization(quantization), find_fit(fit)
    training = (training or Training()).with_defaults(chosen.training)
    _check_training(training, chosen)
    check_writable(output)  # before minutes of work, not after
    kept = output.with_name(f"{output.name}.checkpoint")
    if resume and not kept.exists():
        raise UsageError(f"there is no {kept} to go on from: run without --resume")
    data = read_dataset(
        Path(dataset),
        Path(split_file) if split_file else None,
        seed,
        steps,
        group_by=group_by,
        reviewed=reviewed_samples(reviewed),
        exclude=exclude,
        white=white,
    )
    with steps.step("loading TensorFlow"):
        load_tensorflow()
    from edgecls.convert.training.checkpoint import Checkpoint
    from edgecls.convert.training.head import scale_logits
    from edgecls.convert.training.task import make_task
    from edgecls.convert.training.train import train

    with work_folder() as work:
        chosen = replace(chosen, white8=data.white.eight, white16=data.white.sixteen)
        share = crop or (None if training.fine_tune == "none" else WHOLE)
        task = _fitted(make_task(chosen, data, training, work, seed, steps), data, asked_fit, share)
        chosen = task.backbone
        checkpoint = Checkpoint(kept, _identity(training, backbone, chosen, data, seed))
        if resume:
            checkpoint.load()  # what is wrong with it is told before the head is trained
        trained = train(task, training, checkpoint, resume=resume)
        scaling = find_scaling(trained.validation, task.truth)
        scale_logits(trained.network, scaling.temperature)

        described = _describe(output.stem, chosen, data, seed, group_by)
        info = replace(described, training={**asdict(trained.training), "augmentation": trained.augmentation})
        maker = Maker(task, data, info, trained)
        float_model = maker.make_float()
        float_predictions = maker.measure(float_model, "float")
        made, predictions, remedies = maker.quantize(quantization, (float_model, float_predictions), max_drop)
        float_predictions, predictions, gate = _compare(float_predictions, predictions)
        unscaled = replace(float_predictions, scores=unscale(float_predictions.scores, scaling.temperature))
        passed = gate.passes(max_drop)
        if not passed and not force:
            raise BadData(_failure(gate, quantization, remedies))
        _warn_of_bound(scaling)
        with steps.step("choosing thresholds"):
            thresholds = choose_thresholds(validated := maker.validate(made.flatbuffer), min_precision)
        predictions = replace(predictions, thresholds=thresholds.by_label)
        metrics = {
            "split": "test",
            "float32": measure(float_predictions).summary(),
            quantization: measure(predictions).summary(),
            "gate": {"drop": round(gate.drop, 6), "agreement": round(gate.agreement, 6), "passed": passed},
            "temperature": round(scaling.temperature, 6),
            "unscaled_ece": round(reliability(unscaled).error, 6),
            "validation": count_answers(replace(validated, thresholds=thresholds.by_label)),
        }
        finished = replace(info, quantization=quantization, thresholds=thresholds.by_label, metrics=metrics)
        model = maker.finish(output, made.flatbuffer, finished)
        checkpoint.remove()
    settings: dict[str, Any] = {"dataset": str(dataset), "split_file": split_file and str(split_file)}
    settings |= {
        "group_by": group_by,
        "reviewed": data.added,
        "backbone": backbone,
        "input_size": chosen.input_size,
        "fit": chosen.fit,
        "crop": chosen.crop,
        "white8": chosen.white8,
        "white16": chosen.white16,
    }
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
        temperature=scaling.temperature,
        validation_ece=scaling.validation_ece,
        history=trained.history,
        plan=trained.plan,
        settings=settings,
        seconds=steps.seconds,
        trials=trained.trials,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    )


def _fitted(task: "Task", data: Dataset, asked: Fit | None, crop: float | None) -> "Task":
    """Return the task with a backbone of the fit that was asked for, or else of the best one.

    `crop` is the share of an image that is seen; None: what the backbone was pretrained on where images are cropped,
    and else all of it.
    """
    shares = {"crop": crop or task.backbone.crop, "stretch": crop or WHOLE, "pad": crop or WHOLE}
    specs: dict[Fit, Backbone] = {fit: replace(task.backbone, fit=fit, crop=shares[fit]) for fit in get_args(Fit)}
    fit = asked or "crop"
    if asked is None and task.backbone.pretrained and much_is_unseen(data, specs["crop"].preprocessing):
        from edgecls.convert.training.choose_fit import measure_fits

        fit = measure_fits(task, specs)
    else:
        warn_of_unseen(data, specs[fit].preprocessing)
    return replace(task, backbone=specs[fit])


def _compare(before: Predictions, after: Predictions) -> tuple[Predictions, Predictions, Gate]:
    """(both on the images that neither has lost, what the quantization cost on them)."""
    before, after = in_common(before, after)
    return before, after, compare_precisions(before, after)


def _check_training(training: Training, backbone: Backbone) -> None:
    """Raise UsageError and MissingExtra for what could not be done later."""
    if training.augmentation != AUTO:
        find_preset(training.augmentation)
    if training.search and not backbone.pretrained:
        raise UsageError(f"--search tries heads on a pretrained network, and {backbone.name} is none: leave it out")
    if training.search:
        check_search()


def _warn_of_bound(scaling: Scaling) -> None:
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

    return {module.__name__: module.__version__ for module in (edgecls, tensorflow, keras, cv2, np)}
