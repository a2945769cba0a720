"""The command `bench`."""

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls.cli.model_options import Labels, Range, read_models
from edgecls.cli.output import ReportFormat, printable, write_object
from edgecls.errors import UsageError
from edgecls.model.bundled import default_model
from edgecls.progress import Progress

if TYPE_CHECKING:
    from edgecls.bench.benchmark import Machine, Measured
    from edgecls.bench.pictures import ImageSet


def bench(
    *,
    models: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="FILE",
            readable=False,
            help="The model file. Give two to compare them. Default: the bundled ImageNet model.",
        ),
    ] = None,
    labels: Labels = None,
    input_range: Range = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            readable=False,
            help="The folder of images to classify. Default: synthetic images.",
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", metavar="SECONDS", min=0.01, max=600, help="The time to spend on each measurement."),
    ] = 2.0,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
) -> None:
    """Measure how fast this device decodes, classifies and stores images, with one model or two."""
    paths = models or [default_model()]
    if len(paths) > 2:
        raise UsageError(f"{len(paths)} models given, but at most two can be compared: pass -m once or twice")
    from edgecls.bench.benchmark import count_of_steps, machine, measure

    model_files = read_models(paths, labels, input_range)
    image_sets, unreadable = _image_sets(images)
    this_machine = machine()
    with Progress(show=True).step("measuring", count_of_steps(len(model_files), len(image_sets))) as advance:
        measured = list(measure(model_files, image_sets, seconds, advance))
    _print(this_machine, measured, output_format)
    for line in unreadable:
        typer.echo(printable(f"edgecls: {line}"), err=True)
    if unreadable:
        raise typer.Exit(1)


def _image_sets(images: Path | None) -> "tuple[list[ImageSet], list[str]]":
    from edgecls.bench.pictures import generate_images, of_folder

    if images is None:
        return list(generate_images()), []
    image_set, unreadable = of_folder(images)
    return [image_set], unreadable


def _print(this_machine: "Machine", measured: "list[Measured]", output_format: ReportFormat) -> None:
    from edgecls.bench.benchmark import notes
    from edgecls.bench.comparison import compare
    from edgecls.cli.bench_tables import print_compared, print_measured

    comparison = list(compare(*measured)) if len(measured) == 2 else []
    remarks = notes(this_machine, measured)
    if output_format is ReportFormat.json:
        write_object(
            {
                "machine": asdict(this_machine),
                "models": [_as_object(each) for each in measured],
                "compared": [each._asdict() for each in comparison],
                "notes": remarks,
            }
        )
        return
    for each in measured:
        print_measured(each, this_machine.cores)
    print_compared([each.model.name for each in measured], comparison)
    for line in remarks:
        typer.echo(textwrap.fill(printable(f"note: {line}"), 80, subsequent_indent="      "))


def _as_object(each: "Measured") -> dict[str, Any]:
    return {
        "path": str(each.model.path),
        "name": each.model.name,
        "sha256": each.model.sha256,
        "bytes": each.model.size,
        "runtime": each.runtime,
        "stages": [{"stage": stage.name, "of": stage.of, **asdict(stage.timing)} for stage in each.stages],
        "limits": [asdict(limit) for limit in each.limits],
        "end_to_end": [asdict(run) for run in each.runs],
        "operator_times": None,
        "operators": each.operators and [asdict(operator) for operator in each.operators],
    }
