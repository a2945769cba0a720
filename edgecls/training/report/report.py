"""The report page, rendered from a `Conversion`."""

import math
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2

from edgecls.errors import from_os_error
from edgecls.files import write_atomically
from edgecls.training.evaluation.curves import coverage_curve, reliability_curve
from edgecls.training.report import charts, classes, pictures

FILE = "report.html"

LISTED = 20
"""Most problems of one kind, skipped files, and trials of a search that are listed."""

_PACKAGES = ("ai-edge-litert", "scikit-learn", "scipy", "matplotlib", "jinja2")
"""Packages whose versions are shown in addition to those in the model file."""


def write_report(folder: Path, conversion: Any) -> Path:
    """Write `report.html` into `folder`, which is created if necessary, and return its path.

    Raises IoFailed and InputNotFound if it cannot be written. The same conversion gives the same bytes.
    """
    page = _render(conversion)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"cannot make the folder {folder}") from error
    # A file name need not be text: Python keeps what is not as lone surrogates, which UTF-8 cannot write.
    write_atomically(folder / FILE, page.encode("utf-8", "backslashreplace"))
    return folder / FILE


def _render(conversion: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgecls.training.report"),
        autoescape=True,  # labels and file names come from anywhere
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(share=_share, points=_points, value=_value)
    return environment.get_template(FILE).render(
        c=conversion,
        info=conversion.model.info,
        quantization=conversion.model.info.quantization,
        allowed=conversion.max_drop,
        listed=LISTED,
        data=_data(conversion),
        charts=_charts(conversion),
        classes=_classes(conversion),
        mistakes=pictures.worst_mistakes(conversion.predictions, conversion),
        flips=pictures.flips(conversion.gate.flipped, conversion.preprocessing),
        settings=list(_flat(conversion.settings)),
        trials=_trials(conversion),
        trial_columns=list(dict.fromkeys(name for trial in conversion.trials for name in trial)),
        total_seconds=sum(conversion.seconds.values()),
        versions=_versions(conversion),
    )


def _data(conversion: Any) -> dict[str, Any]:
    """Return the section on the data set: a row for each class, and the problems by kind."""
    counts, weights = conversion.dataset.counts(), conversion.weights
    kinds = defaultdict(list)
    for problem in conversion.dataset.problems:
        kinds[problem.kind].append(problem.message)
    rows = [
        {"label": label, **{split: counts[split][label] for split in counts}, "weight": weights[label]}
        for label in conversion.dataset.labels
    ]
    rows.sort(key=lambda row: (row["train"], row["label"]))
    return {"rows": rows[: classes.ROWS], "totals": {s: sum(c.values()) for s, c in counts.items()}, "kinds": kinds}


def _charts(conversion: Any) -> dict[str, Any]:
    predictions, history, covered = conversion.predictions, conversion.history, conversion.coverage
    wanted = conversion.thresholds.min_precision
    hardest = classes.hardest(predictions)
    decides = wanted > 0 and covered.precision is not None
    chosen = (covered.answered, covered.precision) if decides else None
    return {
        "losses": charts.draw_losses(history) if history else "",
        "accuracies": charts.draw_accuracies(history) if history else "",
        "precision_recall": charts.draw_precision_recall(hardest),
        "curves": list(zip(hardest, charts.COLOURS, strict=False)),
        "reliability": charts.draw_reliability(
            reliability_curve(conversion.unscaled_predictions), reliability_curve(predictions)
        ),
        "coverage": charts.draw_coverage(coverage_curve(predictions), chosen, wanted),
    }


def _classes(conversion: Any) -> dict[str, Any]:
    evaluation = conversion.evaluation
    changes = classes.recall_changes(conversion.gate.recall_change, evaluation.per_class)
    shown = set(classes.most_confused(evaluation, classes.ROWS))
    return {
        "shown": [label for label in evaluation.labels if label in shown],
        "matrix": classes.confusion(evaluation),
        "pairs": classes.pairs(evaluation),
        "changes": changes[: classes.ROWS],
        "changed": len(changes),
        "thresholds": _thresholds(conversion)[: classes.ROWS],
    }


def _trials(conversion: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (number, hyperparameters and loss) of each trial, sorted by validation loss."""
    return sorted(enumerate(conversion.trials, 1), key=lambda trial: trial[1].get("validation_loss", math.inf))


def _thresholds(conversion: Any) -> list[dict[str, Any]]:
    """Return a row for each class: its threshold, and what it gives on the test images; never answered ones first."""
    coverage = conversion.coverage.per_label
    rows = [{"on_validation": each, "on_test": coverage[each.label]} for each in conversion.thresholds.labels]
    return sorted(
        rows, key=lambda row: (row["on_validation"].reached, row["on_test"].answered - row["on_test"].answers)
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings under names such as `training.epochs`."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _versions(conversion: Any) -> dict[str, str]:
    versions = {**conversion.model.info.versions, "Python": platform.python_version(), "system": platform.platform()}
    return {**versions, **{package: _version(package) for package in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # another package may provide the module
        return "unknown"


def _share(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _points(value: float) -> str:
    """Return a difference of shares in points with its sign; no sign if it rounds to 0."""
    points = round(100 * value, 1)
    return (f"{points:+.1f}" if points else "0.0").replace("-", "\N{MINUS SIGN}")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)
