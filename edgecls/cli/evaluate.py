"""`edgecls evaluate`: needs scikit-learn, and no TensorFlow."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls.cli.data_options import Dataset, Exclude, GroupBy, SplitFile, Verbose
from edgecls.cli.model_options import Labels, Range, read_models
from edgecls.cli.output import OutputFormat, ReportFormat, printable, write_object, write_rows
from edgecls.errors import MissingExtra, UsageError
from edgecls.progress import Progress

if TYPE_CHECKING:
    from edgecls.images.depth import White
    from edgecls.model.model_file import ModelFile
    from edgecls.training.data.dataset import Dataset as ReadDataset
    from edgecls.training.data.npz import Scale
    from edgecls.training.evaluation.compare import ModelComparison
    from edgecls.training.evaluation.evaluate import Evaluation

MATRIX_LABELS = 20
"""A wider confusion matrix fits no terminal."""

log = logging.getLogger(__name__)


def evaluate(
    dataset: Dataset,
    *,
    model: Annotated[
        list[Path], typer.Option("--model", "-m", readable=False, help="The model file; twice to compare two.")
    ],
    labels: Labels = None,
    input_range: Range = None,
    split_file: SplitFile = None,
    group_by: GroupBy = None,
    exclude: Exclude = None,
    split: Annotated[str | None, typer.Option("--split", help="train, validation or test; by default all.")] = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
    verbose: Verbose = False,  # noqa: ARG001 - its callback sets the level of the log
) -> None:
    """Measure a model on labelled images, or compare two, through the code that runs on the device."""
    try:
        from edgecls.training.evaluation.compare import compare_models
        from edgecls.training.evaluation.evaluate import evaluate_model
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None
    from edgecls.inference.classifier import Classifier
    from edgecls.inference.golden import replay_golden
    from edgecls.training.data.dataset import read_split
    from edgecls.training.unseen import warn_of_unseen

    if len(model) > 2:
        raise UsageError(f"{len(model)} models were named, and two at most are compared: leave out all but two -m")
    progress = Progress(show=True)
    found = read_models(model, labels, input_range)
    classifiers = [Classifier(each) for each in found]
    for classifier in classifiers:
        replay_golden(classifier)  # figures of a model that computes something else here would be worth nothing
    seeds = [_seed(each) for each in found]
    group_by = group_by or _group_by(found[0])  # so that the same splits are cut again
    white, scale = _white(found[0])
    data = read_split(
        dataset,
        split_file,
        split,
        seeds[0],
        progress,
        group_by=group_by,
        exclude=exclude or (),
        used=found[0].images,
        labels=found[0].labels,
        white=white,
        scale=scale,
    )
    for classifier in classifiers:
        warn_of_unseen(data, classifier.preprocessing)
    for each in found:
        _tell_of_training(each, data, split)
    if len(found) == 2:
        comparison = compare_models(found[0], found[1], data.samples, progress, data.losses)
        _print(comparison.as_dict(), output_format, lambda: _print_comparison(comparison))
    else:
        evaluation = evaluate_model(found[0], data.samples, progress, losses=data.losses)
        _print(evaluation.as_dict(), output_format, lambda: _print_evaluation(evaluation))
    if data.skipped or data.losses:
        raise typer.Exit(1)


def _seed(model: "ModelFile") -> int:
    """Of the splits that the model was trained with."""
    return int(model.info.dataset.get("seed", 0)) if model.info else 0


def _white(model: "ModelFile") -> "tuple[White, Scale | None]":
    """Return what was white in the files, and in the `.npz`, that the model was trained with."""
    from edgecls.images.depth import UNKNOWN_WHITE
    from edgecls.training.data.npz import Scale

    if not model.info:
        return UNKNOWN_WHITE, None
    array = model.info.dataset.get("array")
    white = model.info.preprocessing.white
    if not array and white.sixteen:
        return white, Scale("uint16", white.sixteen)
    return white, Scale(**array) if array else None


def _group_by(model: "ModelFile") -> str | None:
    return model.info.dataset.get("group_by") if model.info else None


def _tell_of_training(model: "ModelFile", data: "ReadDataset", split: str | None) -> None:
    """Log which of the images the model was trained on, and what has changed since it was made."""
    used = model.images
    if used is None:
        return
    splits = Counter(used.split_of(*content) for content in data.contents)
    trained, validated, images = splits["train"], splits["validation"], len(data.contents)
    if trained and split != "train":
        also = f", and {validated} validated it" if validated and split != "validation" else ""
        log.warning(
            "%d of the %d images %s in the training of %s%s: the figures flatter it: measure on %s",
            trained, images, "was" if trained == 1 else "were", model.path, also,
            "--split test, or on other images" if split is None else "other images",
        )  # fmt: skip
    known = sum(used.split_of(*content) is not None for content in data.everything)
    new, gone = len(data.everything) - known, used.missing(data.everything)
    if not known:
        log.info("%s was made with other images: none of these %d is in its list", model.path, images)
    elif new or gone:
        log.info(
            "since %s was made, %d image%s came to the data set and %d went", model.path, new, "s" * (new != 1), gone
        )  # fmt: skip


def _print(report: dict[str, Any], output_format: ReportFormat, print_tables: Any) -> None:
    if output_format is ReportFormat.json:
        write_object(report)
    else:
        print_tables()


def _print_evaluation(evaluation: "Evaluation") -> None:
    per_class = [
        {"class": label, **{k: f"{v:.4f}" if k != "support" else v for k, v in figures.items()}}
        for label, figures in evaluation.per_class.items()
    ]
    write_rows(("class", "precision", "recall", "f1", "support"), per_class, OutputFormat.table)
    typer.echo()
    confusion = [
        {"truth \\ answer": label, **dict(zip(evaluation.labels, row, strict=True))}
        for label, row in zip(evaluation.labels, evaluation.confusion_matrix, strict=True)
    ]
    if len(evaluation.labels) <= MATRIX_LABELS:
        write_rows(("truth \\ answer", *evaluation.labels), confusion, OutputFormat.table)
        typer.echo()
    _print_figures(("value",), [evaluation])


def _print_figures(columns: Sequence[str], evaluations: Sequence["Evaluation"]) -> None:
    """A row a figure, a column an evaluation; what none of them has is left out."""
    described = [_describe(evaluation) for evaluation in evaluations]
    names = [name for name in described[0] if any(each[name] for each in described)]
    rows = [{"figure": name, **{c: d[name] for c, d in zip(columns, described, strict=True)}} for name in names]
    write_rows(("figure", *columns), rows, OutputFormat.table)


def _describe(evaluation: "Evaluation") -> dict[str, str]:
    """Name -> figure, both as people read them; empty where there is none. Macro recall is balanced accuracy."""
    low, high = evaluation.accuracy_interval
    return {
        "images": str(evaluation.n),
        "accuracy [95 %]": f"{evaluation.accuracy:.4f} [{low:.3f}, {high:.3f}]",
        "balanced accuracy": _share(evaluation.balanced_accuracy),
        "top-5 accuracy": _share(evaluation.top5_accuracy),
        "macro precision": _share(evaluation.macro_precision),
        "macro F1": _share(evaluation.macro_f1),
        "log loss": _share(evaluation.log_loss),
        "calibration error": _share(evaluation.ece),
        "answered": _share(evaluation.answered),
        "right, of the answered": _share(evaluation.answered_accuracy),
    }


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _print_comparison(comparison: "ModelComparison") -> None:
    for letter, model in zip("AB", comparison.models, strict=True):
        typer.echo(printable(f"{letter}: {model.path}"))
    typer.echo()
    _print_per_class(*(evaluation.per_class for evaluation in comparison.evaluations))
    typer.echo()
    _print_figures(("A", "B"), comparison.evaluations)
    typer.echo()
    counts = comparison.mcnemar
    rows = [
        {"images": "A right", "B right": counts.both_right, "B wrong": counts.only_first},
        {"images": "A wrong", "B right": counts.only_second, "B wrong": counts.neither},
    ]
    write_rows(("images", "B right", "B wrong"), rows, OutputFormat.table)
    typer.echo()
    typer.echo(f"A and B give the same answer for {comparison.agreement:.1%} of the images.")
    typer.echo(verdict(counts.only_first, counts.only_second, counts.p_value))


def _print_per_class(first: dict[str, dict[str, float]], second: dict[str, dict[str, float]]) -> None:
    """An evaluation has the labels that occur: one that only A answers is not in B's."""
    rows = [
        {
            "class": label,
            "support": (first.get(label) or second[label])["support"],
            **{
                f"{figure} {letter}": _share(per_class[label][figure] if label in per_class else None)
                for figure in ("precision", "recall", "f1")
                for letter, per_class in (("A", first), ("B", second))
            },
        }
        for label in sorted({*first, *second})
    ]
    write_rows(list(rows[0]), rows, OutputFormat.table)


def verdict(only_first: int, only_second: int, p_value: float) -> str:
    """McNemar's test as a sentence; the first model is A."""
    if only_first == only_second == 0:
        return "A and B are right on the same images."
    better, more, worse, fewer = (
        ("A", only_first, "B", only_second) if only_first > only_second else ("B", only_second, "A", only_first)
    )
    images = "image" if more == 1 else "images"
    p = f"p = {p_value:.2g}" if p_value >= 0.0001 else "p < 0.0001"
    meaning = "the difference may be chance" if p_value >= 0.05 else f"{better} is better, hardly by chance"
    return (
        f"{better} is right on {more} {images} where {worse} is wrong, {worse} on {fewer} where {better} is wrong: "
        f"{p} (McNemar's exact test): {meaning}."
    )
