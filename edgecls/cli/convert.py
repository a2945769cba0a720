"""The commands of the workstation wing. TensorFlow is imported by `convert`, not before."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import OutputFormat, ReportFormat, write_object, write_rows
from edgecls.errors import MissingExtra
from edgecls.progress import Steps

Dataset = Annotated[
    Path, typer.Argument(metavar="DATASET", readable=False, help="A folder with one sub-folder a class, or a CSV file.")
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split-file", readable=False, help="CSV with the columns file,class,split and perhaps group."),
]

FIGURES = ("accuracy", "macro_precision", "macro_recall", "macro_f1")


def convert(
    dataset: Dataset,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL", readable=False, help="The model file to write.")
    ],
    split_file: SplitFile = None,
    backbone: Annotated[str, typer.Option("--backbone", help="The pretrained network.")] = "efficientnet-lite0",
    quantize: Annotated[str, typer.Option("--quantize", help="int8, float16, dynamic or float32.")] = "int8",
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="The most; training stops early.")] = 60,
    optimizer: Annotated[str, typer.Option("--optimizer", help="adam, adamw, sgd or rmsprop.")] = "adam",
    learning_rate: Annotated[float, typer.Option("--learning-rate", min=1e-7, max=10.0, help="Step size.")] = 1e-3,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images a step.")] = 32,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of splits, weights and order.")] = 0,
) -> None:
    """Fine-tune a pretrained network on labelled images, quantize it, and show how good it is."""
    import edgecls
    from edgecls.convert.backbones import find_backbone
    from edgecls.convert.settings import Training, find_quantization

    find_backbone(backbone)  # a slip is told at once, before the packages of the workstation are looked for
    find_quantization(quantize)
    steps = Steps(show=True)
    training = Training(epochs=epochs, optimizer=optimizer, learning_rate=learning_rate, batch_size=batch_size)
    done = edgecls.convert(
        dataset,
        output,
        split_file=split_file,
        backbone=backbone,
        quantization=quantize,
        training=training,
        seed=seed,
        steps=steps,
    )
    _print_conversion(done, quantize)
    if done.dataset.skipped:
        raise typer.Exit(1)


def _print_conversion(done: Any, quantization: str) -> None:
    counts = done.dataset.counts()
    classes = [{"class": label, **{split: counts[split][label] for split in counts}} for label in done.dataset.labels]
    classes.append({"class": "total", **{split: sum(counts[split].values()) for split in counts}})
    write_rows(("class", *counts), classes, OutputFormat.table)
    if done.dataset.skipped:
        typer.echo(f"left out, since they do not decode: {len(done.dataset.skipped)}")
    typer.echo()
    rows = [
        {"on the test images": name, **{figure: f"{getattr(evaluation, figure):.4f}" for figure in FIGURES}}
        for name, evaluation in (("float32", done.float_evaluation), (quantization, done.evaluation))
    ]
    write_rows(("on the test images", *FIGURES), rows, OutputFormat.table)
    typer.echo()
    seconds = [{"step": step, "seconds": f"{value:.1f}"} for step, value in done.seconds.items()]
    seconds.append({"step": "total", "seconds": f"{sum(done.seconds.values()):.1f}"})
    write_rows(("step", "seconds"), seconds, OutputFormat.table)
    typer.echo()
    typer.echo(f"{done.model.path}: {done.model.size / 1e6:.2f} MB, sha256 {done.model.sha256[:12]}…")


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
        from edgecls.convert.evaluate import evaluate as measure
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None
    from edgecls.convert.dataset import read_split
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
