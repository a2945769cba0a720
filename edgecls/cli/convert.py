"""`edgecls convert`. TensorFlow is imported by `edgecls.convert`, not before."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.data_options import Dataset, SplitFile
from edgecls.cli.evaluate import FIGURES
from edgecls.cli.output import OutputFormat, write_rows
from edgecls.progress import Steps


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
