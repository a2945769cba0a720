"""The command `evaluate`. It needs scikit-learn, but not TensorFlow."""

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
    from edgecls.inference.classifier import Classifier
    from edgecls.model.model_file import ModelFile
    from edgecls.training.data.dataset import Dataset as ReadDataset
    from edgecls.training.data.npz import Scale
    from edgecls.training.evaluation.compare import ModelComparison
    from edgecls.training.evaluation.evaluate import Evaluation

MATRIX_LABELS = 20
"""The maximum number of labels of a printed confusion matrix; a larger one does not fit a terminal."""

log = logging.getLogger(__name__)


def evaluate(
    dataset: Dataset,
    *,
    model: Annotated[
        list[Path],
        typer.Option("--model", "-m", metavar="FILE", readable=False, help="The model file. Give two to compare them."),
    ],
    labels: Labels = None,
    input_range: Range = None,
    split_file: SplitFile = None,
    group_by: GroupBy = None,
    exclude: Exclude = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="SPLIT", help="Use only this split: train, validation or test. Default: all images."
        ),
    ] = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
    verbose: Verbose = False,  # noqa: ARG001 - its callback sets the log level
) -> None:
    """Measure a model on labelled images, or compare two models, with the code that runs on the device."""
    try:
        from edgecls.training.evaluation.compare import compare_models
        from edgecls.training.evaluation.evaluate import evaluate_model
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None

    from edgecls.training.unseen import warn_of_unseen

    if len(model) > 2:
        raise UsageError(f"{len(model)} models given, but at most two can be compared: pass -m once or twice")
    progress = Progress(show=True)
    models = read_models(model, labels, input_range)
    classifiers = _open_classifiers(models)
    data = _read(dataset, models[0], split_file, split, group_by, exclude or (), progress)
    for classifier in classifiers:
        warn_of_unseen(data, classifier.preprocessing)
    for each in models:
        _report_known_images(each, data, split)
    if len(models) == 2:
        comparison = compare_models(models[0], models[1], data.samples, progress, data.losses)
        _print(comparison.as_dict(), output_format, lambda: _print_comparison(comparison))
    else:
        evaluation = evaluate_model(models[0], data.samples, progress, losses=data.losses)
        _print(evaluation.as_dict(), output_format, lambda: _print_evaluation(evaluation))
    if data.skipped or data.losses:
        raise typer.Exit(1)


def _open_classifiers(models: "Sequence[ModelFile]") -> "list[Classifier]":
    """Open the models and replay their golden examples: a model that computes something else here cannot be measured."""
    from edgecls.inference.classifier import Classifier
    from edgecls.inference.golden import replay_golden

    classifiers = [Classifier(model) for model in models]
    for classifier in classifiers:
        replay_golden(classifier)
    return classifiers


def _read(
    dataset: Path,
    model: "ModelFile",
    split_file: Path | None,
    split: str | None,
    group_by: str | None,
    exclude: Sequence[str],
    progress: Progress,
) -> "ReadDataset":
    """Read the images with the groups, splits and white of the data set that the model was trained with."""
    from edgecls.training.data.read_split import read_split

    white, scale = _white(model)
    trained_with = model.info.dataset if model.info else {}
    return read_split(
        dataset,
        split_file,
        split,
        progress,
        seed=int(trained_with.get("seed", 0)),
        group_by=group_by or trained_with.get("group_by"),
        exclude=exclude,
        model_images=model.images,
        labels=model.labels,
        white=white,
        scale=scale,
    )


def _white(model: "ModelFile") -> "tuple[White, Scale | None]":
    """Return the values that were white in the files, and in the .npz, that the model was trained with."""
    from edgecls.images.depth import UNKNOWN_WHITE
    from edgecls.training.data.npz import Scale

    if not model.info:
        return UNKNOWN_WHITE, None
    array = model.info.dataset.get("array")
    white = model.info.preprocessing.white
    if not array and white.sixteen:
        return white, Scale("uint16", white.sixteen)
    return white, Scale(**array) if array else None


def _report_known_images(model: "ModelFile", data: "ReadDataset", split: str | None) -> None:
    """Log how many of the images the model was trained on, and how the data set has changed since then."""
    listed = model.images
    if listed is None:
        return
    splits = Counter(listed.split_of(*content) for content in data.contents)
    trained, validated, images = splits["train"], splits["validation"], len(data.contents)
    if trained and split != "train":
        also = f", and {validated} in its validation" if validated and split != "validation" else ""
        log.warning(
            "%d of the %d images %s used in the training of %s%s, so the figures are too good: use %s",
            trained, images, "was" if trained == 1 else "were", model.path, also,
            "--split test, or other images" if split is None else "other images",
        )  # fmt: skip
    known = sum(listed.split_of(*content) is not None for content in data.everything)
    added, removed = len(data.everything) - known, listed.missing(data.everything)
    if not known:
        log.info("%s was trained with other images: none of these %d is in its list", model.path, images)
    elif added or removed:
        log.info(
            "since %s was trained, %d images were added to the data set and %d removed", model.path, added, removed
        )


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
    """Print a row per figure and a column per evaluation, without figures that none of them has."""
    described = [_describe(evaluation) for evaluation in evaluations]
    names = [name for name in described[0] if any(each[name] for each in described)]
    rows = [{"figure": name, **{c: d[name] for c, d in zip(columns, described, strict=True)}} for name in names]
    write_rows(("figure", *columns), rows, OutputFormat.table)


def _describe(evaluation: "Evaluation") -> dict[str, str]:
    """Return name -> figure as text, empty where there is none. Balanced accuracy is the macro recall."""
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
        "accuracy of answered": _share(evaluation.answered_accuracy),
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
    """Print the figures per class. A label that only A answers is missing from B's evaluation."""
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
    """Return McNemar's test as a sentence; the first model is A."""
    if only_first == only_second == 0:
        return "A and B are correct on the same images."
    better, more, worse, fewer = (
        ("A", only_first, "B", only_second) if only_first > only_second else ("B", only_second, "A", only_first)
    )
    images = "image" if more == 1 else "images"
    p = f"p = {p_value:.2g}" if p_value >= 0.0001 else "p < 0.0001"
    meaning = "the difference is not significant" if p_value >= 0.05 else f"{better} is significantly better"
    return (
        f"{better} is correct on {more} {images} where {worse} is wrong, {worse} on {fewer} where {better} is wrong: "
        f"{p} (McNemar's exact test): {meaning}."
    )
