"""`edgecls evaluate`: needs scikit-learn, and no TensorFlow."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.data_options import Dataset, SplitFile
from edgecls.cli.output import OutputFormat, ReportFormat, write_object, write_rows
from edgecls.errors import MissingExtra
from edgecls.progress import Steps

FIGURES = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
"""In the tables of `convert` and `evaluate`."""


def evaluate(
    dataset: Dataset,
    *,
    model: Annotated[Path, typer.Option("--model", "-m", readable=False, help="The model file.")],
    split_file: SplitFile = None,
    split: Annotated[str | None, typer.Option("--split", help="train, validation or test; by default all.")] = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """Measure a model on labelled images, through the code that runs on the device."""
    try:
        from edgecls.convert.evaluation.evaluate import evaluate as measure
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None
    from edgecls.convert.data.dataset import read_split
    from edgecls.model_file import read_model

    steps = Steps(show=True)
    found = read_model(model)
    seed = found.info.dataset.get("seed", 0) if found.info else 0
    data = read_split(dataset, split_file, split, seed, steps)
    evaluation = measure(found, data.samples, steps)
    if output_format is ReportFormat.json:
        write_object(evaluation.as_dict())
    else:
        _print_evaluation(evaluation)
    if data.skipped:
        raise typer.Exit(1)


def _print_evaluation(evaluation: Any) -> None:
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
    if len(evaluation.labels) <= 20:
        write_rows(("truth \\ answer", *evaluation.labels), confusion, OutputFormat.table)
        typer.echo()
    summary = [{"images": evaluation.n, **{name: f"{getattr(evaluation, name):.4f}" for name in FIGURES}}]
    write_rows(("images", *FIGURES), summary, OutputFormat.table)
