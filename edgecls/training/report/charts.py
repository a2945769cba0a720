"""Charts as SVG to embed in an HTML page. Class names are not drawn, because no font has all scripts.

The same numbers give the same bytes.
"""

import io
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from edgecls.training.evaluation.curves import CoverageCurve, PrecisionRecall, Reliability
from edgecls.training.settings import Epoch

COLOURS = ("#1f6fb4", "#d9730d", "#2e8b57", "#b5338a", "#7a5230", "#c23b3b", "#6b5bd2", "#5f6b7a")
"""Colours of curves, in order, chosen to be distinguishable on white."""

POINTS = 400
"""Most points of a curve: ten thousand would make a page of megabytes that looks the same."""

_SIZE = (4.6, 3.3)  # inches; little more than a telephone's width, so that text stays legible there
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib; in the page the reader's own stands in for it
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "axes.edgecolor": "#8a94a0",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def draw_losses(history: Sequence[Epoch]) -> str:
    """Return a chart of the training and validation loss by epoch."""

    def draw(axes: Axes) -> None:
        epochs = _epochs(axes, history)
        axes.plot(epochs, [each.loss for each in history], color=COLOURS[1], marker=".", label="training")
        axes.plot(epochs, [each.validation_loss for each in history], color=COLOURS[0], marker=".", label="validation")
        axes.set_ylabel("loss (nats)")
        axes.set_ylim(bottom=0)
        axes.legend()

    return _svg("losses", "Loss by epoch", draw)


def draw_accuracies(history: Sequence[Epoch]) -> str:
    """Return a chart of the validation accuracy by epoch."""

    def draw(axes: Axes) -> None:
        epochs = _epochs(axes, history)
        values = [each.validation_accuracy for each in history]
        axes.plot(epochs, values, color=COLOURS[0], marker=".")
        axes.set_ylabel("accuracy")
        _in_percent(axes.yaxis)

    return _svg("accuracies", "Validation accuracy by epoch", draw)


def _epochs(axes: Axes, history: Sequence[Epoch]) -> list[int]:
    """Label the axis of epochs, draw a line where a phase begins, and return the epochs, counted through all phases."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for index, (before, after) in enumerate(pairwise(history), 1):
        if before.phase != after.phase:
            axes.axvline(index + 0.5, color="#8a94a0", linestyle=":")
            axes.annotate(
                f" {after.phase}", (index + 0.5, 1), xycoords=("data", "axes fraction"), va="bottom", color="#5f6b7a"
            )
    return list(range(1, len(history) + 1))


def draw_precision_recall(curves: Sequence[PrecisionRecall]) -> str:
    """Return a chart of the first curves, as many as there are `COLOURS`."""

    def draw(axes: Axes) -> None:
        for curve, colour in zip(curves, COLOURS, strict=False):
            some = _some(len(curve.recall))
            axes.plot(curve.recall[some], curve.precision[some], color=colour, drawstyle="steps-post")
        _square(axes, "recall", "precision")

    return _svg("precision-recall", "Precision against recall of each class", draw)


def draw_reliability(before: Reliability, after: Reliability) -> str:
    """Return a reliability diagram before and after temperature scaling, with a histogram of the scores after it."""

    def draw(axes: Axes) -> None:
        full = after.count > 0
        left, width = after.edges[:-1][full], np.diff(after.edges)[full]
        share = after.count[full] / after.count.sum()
        axes.bar(left, share, width, align="edge", color="#dfe6ee", label="share of the images")
        axes.plot([0, 1], [0, 1], color="#8a94a0", linestyle=":", label="perfectly calibrated")
        some = before.count > 0
        style: dict[str, Any] = {"marker": "o", "markersize": 4}
        axes.plot(
            before.score[some], before.accuracy[some], color=COLOURS[1], linestyle="--", **style, label="before scaling"
        )
        axes.plot(after.score[full], after.accuracy[full], color=COLOURS[0], **style, label="after scaling")
        _square(axes, "score", "accuracy")
        axes.figure.legend(loc="outside lower center", ncols=2)  # inside the axes it could hide a point

    return _svg("reliability", "Accuracy of the answers by their score", draw)


def draw_coverage(curve: CoverageCurve, chosen: tuple[float, float] | None, wanted: float) -> str:
    """Return a chart of the precision of the answers against the share of images that is answered.

    `chosen` is (share answered, precision) with the thresholds of the model; `wanted` is the requested precision, 0 if
    there is none.
    """

    def draw(axes: Axes) -> None:
        some = _some(len(curve.coverage))
        axes.plot(curve.coverage[some], curve.accuracy[some], color=COLOURS[0], label="one threshold for all")
        if wanted:
            axes.axhline(wanted, color="#8a94a0", linestyle=":", label="requested precision")
        if chosen:
            axes.plot(*chosen, color=COLOURS[1], marker="o", linestyle="none", label="the model's thresholds")
        lowest = min(curve.accuracy.min(), wanted or 1.0, chosen[1] if chosen else 1.0)
        bottom = lowest - 0.4 * (1.05 - lowest)  # room for the legend
        axes.set(
            xlabel="share of images answered", ylabel="precision of the answers", xlim=(0, 1.02), ylim=(bottom, 1.02)
        )
        axes.legend(loc="lower left")
        _in_percent(axes.xaxis, axes.yaxis)

    return _svg("coverage", "Accuracy of the answers against the share of images that is answered", draw)


def _square(axes: Axes, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(0, 1.02), ylim=(0, 1.04))
    _in_percent(axes.xaxis, axes.yaxis)


def _in_percent(*shares: Axis) -> None:
    for axis in shares:
        # Axes end a little above 1, so that no line lies on the border; no share does.
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %" if share < 1.0001 else ""))


def _some(n: int) -> slice | list[int]:
    return slice(None) if n <= POINTS else np.unique(np.linspace(0, n - 1, POINTS).astype(int)).tolist()


def _svg(name: str, title: str, draw: Callable[[Axes], None]) -> str:
    """Return the SVG without what only a separate file needs, and without ids that charts on one page would share."""
    # The object interface: pyplot keeps figures in the process and looks for a screen.
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure.subplots())
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue().decode()
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' (xmlns(:\w+)?|id)="(http[^"]*|[\w.]+_\d+)"', "", text).replace("xlink:href", "href")
    return re.sub(
        r'<svg[^>]* viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img"><title>{title}</title>', text, count=1
    )
