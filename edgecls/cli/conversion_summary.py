"""The summary that the command `convert` prints."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from edgecls.cli.output import OutputFormat, write_rows

if TYPE_CHECKING:
    from edgecls.training.conversion import Conversion
    from edgecls.training.data.dataset import Dataset
    from edgecls.training.evaluation.gate import Gate

FIGURES = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
"""The figures of the float and the quantized model in the table."""


def print_conversion(conversion: "Conversion") -> None:
    """Print the data set, the figures on the test images, the cost of quantization, and the time of each step."""
    precision = conversion.chosen.precision
    _print_dataset(conversion.dataset, conversion.weights)
    evaluations = {"float32": conversion.float_evaluation, precision: conversion.evaluation}
    rows = [
        {"on the test images": name, **{figure: f"{getattr(evaluation, figure):.4f}" for figure in FIGURES}}
        for name, evaluation in evaluations.items()
    ]
    write_rows(("on the test images", *FIGURES), rows, OutputFormat.table)
    typer.echo()
    _print_training(conversion)
    _print_quantization(conversion, precision)
    _print_scores(conversion)
    typer.echo()
    seconds = [{"step": step, "seconds": f"{value:.1f}"} for step, value in conversion.seconds.items()]
    seconds.append({"step": "total", "seconds": f"{sum(conversion.seconds.values()):.1f}"})
    write_rows(("step", "seconds"), seconds, OutputFormat.table)
    typer.echo()
    model = conversion.model
    typer.echo(f"{model.path}: {model.size / 1e6:.2f} MB, sha256 {model.sha256[:12]}…")


def _print_dataset(dataset: "Dataset", weights: Mapping[str, float]) -> None:
    counts = dataset.counts()
    rows = [
        {"class": label, **{split: counts[split][label] for split in counts}, "weight": f"{weights[label]:.2f}"}
        for label in dataset.labels
    ]
    rows.append({"class": "total", **{split: sum(counts[split].values()) for split in counts}})
    write_rows(("class", *counts, "weight"), rows, OutputFormat.table)
    if dataset.added:
        typer.echo(f"including {dataset.added} reviewed images")
    if dataset.skipped:
        undecodable = len(dataset.of_kind("undecodable"))
        untrained = sum(len(problem.paths) for problem in dataset.of_kind("class left out"))
        copies = len(dataset.skipped) - undecodable - untrained
        more = f", {untrained} images of classes without training images" if untrained else ""
        typer.echo(f"left out: {undecodable} images that cannot be decoded, {copies} duplicates{more}")
    typer.echo()


def _print_training(conversion: "Conversion") -> None:
    if conversion.trials:
        best = min(conversion.trials, key=lambda trial: trial["validation_loss"])
        typer.echo(
            f"search: validation loss {best['validation_loss']:.4f} with the best of {len(conversion.trials)} settings of "
            f"the head, {conversion.trials[0]['validation_loss']:.4f} with the requested ones"
        )
    settings = conversion.settings
    typer.echo(f"trained: {conversion.plan}; augmentation: {settings['augmentation']}; fit: {settings['fit']}")


def _print_quantization(conversion: "Conversion", precision: str) -> None:
    """Print what quantization cost. A float32 model is the float model itself."""
    low, high = conversion.evaluation.accuracy_interval
    typer.echo(f"accuracy of {precision}: {conversion.evaluation.accuracy:.3f}, 95 % interval {low:.3f} to {high:.3f}")
    gate, allowed = conversion.gate, conversion.max_drop
    if precision != "float32":
        one_image = " (one image)" if gate.by_one_image(allowed) else ""
        uncertain = conversion.passed and not gate.within(allowed)
        note = f", so the true loss may be within the {allowed:g} allowed" if uncertain else ""
        typer.echo(f"{precision} and float32 give the same answer for {gate.agreement:.1%} of the images")
        typer.echo(f"loss of accuracy: {gate.drop:+.4f}{one_image}, {_interval(gate)}{note}")
    if conversion.refit_tried:
        outcome = "kept" if conversion.head_refitted else "discarded, as its scores were farther from float32"
        typer.echo(f"head refitted, because int8 lost more than allowed: {outcome}")
    if rejected := conversion.rejected:
        typer.echo(
            f"{rejected.quantization} was not written: it loses {rejected.gate.drop:+.4f}, {_interval(rejected.gate)}, "
            f"more than the {allowed:g} allowed"
        )
    if not conversion.passed:
        typer.echo(f"written because of --force, although it loses more than the {allowed:g} allowed")


def _interval(gate: "Gate") -> str:
    low, high = gate.interval
    return f"90 % interval {low:+.4f} to {high:+.4f}"


def _print_scores(conversion: "Conversion") -> None:
    """Print how far the scores are reliable, and what the thresholds give."""
    before, after = conversion.validation_ece
    typer.echo(f"temperature {conversion.temperature:.2f}: calibration error {before:.3f} before, {after:.3f} after")
    before, after = conversion.test_ece
    typer.echo(f"on the test images, float32: {before:.3f} before, {after:.3f} after")
    if conversion.thresholds.by_label:
        coverage = conversion.coverage
        precision = "" if coverage.precision is None else f", {coverage.precision:.1%} of them correctly"
        typer.echo(f"with thresholds, {coverage.answered:.1%} of the test images are answered{precision}")
        for line in conversion.never_answered:
            typer.echo(line)
