"""Choice of the precision that is written: the requested one, or a safer one if that loses too much accuracy."""

import itertools
import math
import os
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import BadData
from edgecls.files import is_stream
from edgecls.training.evaluation.gate import Gate, Rejected, compare_precisions
from edgecls.training.evaluation.predictions import Predictions, in_common
from edgecls.training.exporter import ModelExporter


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to be written to `path`, and what was tried to make it better.

    `predictions` are its own, `float_predictions` those of the float model, of the test images that neither has lost.
    `passed` is false where it was forced; `rejected` is what was asked for, where this is another precision.
    """

    path: Path
    precision: str
    flatbuffer: bytes
    float_predictions: Predictions
    predictions: Predictions
    gate: Gate
    passed: bool
    refit_tried: bool = False
    head_refitted: bool = False
    rejected: Rejected | None = None


def choose_precision(
    exporter: ModelExporter,
    quantization: str,
    of_float: tuple[bytes, Predictions],
    output: Path,
    max_drop: float,
    *,
    force: bool,
) -> Chosen:
    """Quantize; where that loses more than `max_drop` and not `force`, take the next safer precision that does not.

    `of_float` is the float model and its predictions on the test images. Raises BadData where `output` is a stream,
    beside which nothing can be written.
    """
    model, predictions = exporter.quantize(quantization, of_float, max_drop)
    before, predictions = in_common(of_float[1], predictions)
    gate = compare_precisions(before, predictions)
    passed = gate.passes(max_drop)
    if passed or force:
        return Chosen(
            output,
            quantization,
            model.flatbuffer,
            before,
            predictions,
            gate,
            passed,
            model.refit_tried,
            model.head_refitted,
        )
    rejected = Rejected(quantization, output, gate, model.refit_tried)
    if is_stream(output):
        raise BadData(rejection(rejected))
    precision, flatbuffer, predictions = exporter.export_safer(quantization, of_float, max_drop)
    before, predictions = in_common(of_float[1], predictions)
    gate = compare_precisions(before, predictions)
    return Chosen(
        _beside(output, precision), precision, flatbuffer, before, predictions, gate, passed=True, rejected=rejected
    )


def _beside(output: Path, precision: str) -> Path:
    """Return a free name beside `output` that says its precision: birds.float16.tflite, birds.float16-2.tflite."""
    stem = f"{output.stem}.{precision}"
    names = (output.with_name(f"{stem}{f'-{n}' if n > 1 else ''}{output.suffix}") for n in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


def rejection(rejected: Rejected) -> str:
    """Return one line that says why a model was not written, and which option allows it."""
    gate, quantization = rejected.gate, rejected.quantization
    low, high = gate.interval
    worst = min(gate.recall_change, key=lambda label: gate.recall_change[label])
    tried = ", with its head refitted too" if rejected.refit_tried else ""
    checkpoint = rejected.output.with_name(f"{rejected.output.name}.checkpoint")
    force = "--resume --force, without training again" if checkpoint.exists() else "--force"
    enough = 0 if gate.passes(0) else max(math.ceil(round(low * 1000, 6)) / 1000, 0.001)
    return (
        f"{rejected.output} was not written: {quantization} loses too much{tried}: accuracy {gate.float_accuracy:.4f} "
        f"becomes {gate.quantized_accuracy:.4f}, a loss between {low:.3f} and {high:.3f} (90 %), and the recall of "
        f"{worst!r} changes by {gate.recall_change[worst]:+.3f}: allow it with --max-drop {enough:g}, or write it all the "
        f"same with {force}"
    )
