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
from typing import Any

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
from edgecls.convert.evaluation.temperature import Scaling, at_bound, find_scaling, unscale
from edgecls.convert.evaluation.thresholds import apply, choose_thresholds
from edgecls.convert.heavy import load_tensorflow
from edgecls.convert.maker import Maker
from edgecls.convert.settings import AUTO, Training, find_quantization
from edgecls.convert.training.augment import find_preset
from edgecls.convert.training.search import check_search
from edgecls.convert.work_folder import work_folder
from edgecls.errors import BadData, UsageError
from edgecls.files import check_writable
from edgecls.model_file import ModelInfo
from edgecls.progress import Steps

log = logging.getLogger(__name__)

FINE_TUNED_CROP = 1.0
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

    `dataset`, `split_file`, `group_by` and `exclude` are as in `samples.read_samples`; `reviewed` are (image, label) that are trained
    on too, see `data.added`; `crop` is the central share of an image
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
    data = read_dataset(
        Path(dataset),
        Path(split_file) if split_file else None,
        seed,
        steps,
        group_by=group_by,
        reviewed=reviewed_samples(reviewed),
        exclude=exclude,
    )
    with steps.step("loading TensorFlow"):
        load_tensorflow()
    from edgecls.convert.training.checkpoint import Checkpoint
    from edgecls.convert.training.head import scale_logits
    from edgecls.convert.training.task import make_task
    from edgecls.convert.training.train import train

    with work_folder() as work:
        task = make_task(chosen, data, training, work, seed, steps)
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
        unscaled = replace(float_predictions, scores=unscale(float_predictions.scores, scaling.temperature))
        made, predictions, remedies = maker.quantize(quantization, (float_model, float_predictions), max_drop)
        gate = compare_precisions(float_predictions, predictions)
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
        "crop": chosen.crop,
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
    about |= {"images": data.fingerprint, "versions": _versions()}
    return json.dumps(about, sort_keys=True)


def _describe(name: str, backbone: Backbone, data: Dataset, seed: int, group_by: str | None) -> ModelInfo:
    described = {"fingerprint": data.fingerprint, "images": data.counts(), "seed": seed}
    described |= {"reviewed": data.added} if data.added else {}
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
