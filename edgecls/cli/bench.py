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
            "--model", "-m", readable=False, help="The model file, by default ImageNet's 1000 classes; twice: compare."
        ),
    ] = None,
    labels: Labels = None,
    input_range: Range = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", readable=False, help="Pictures to classify, by default made ones."),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="S", min=0.01, max=600, help="How long to measure each figure.")
    ] = 2.0,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """Measure decoding, network, database and the whole daemon on this device, for one model or two."""
    paths = models or [default_model()]
    if len(paths) > 2:
        raise UsageError(f"{len(paths)} models: compare two at a time")
    from edgecls.bench.benchmark import count_of_steps, machine, measure

    found = read_models(paths, labels, input_range)
    loads, wrong = _loads(images)
    here = machine()
    steps = Progress(show=True)
    with steps.step("measuring", count_of_steps(len(found), len(loads))) as advance:
        measured = list(measure(found, loads, seconds, advance))
    _print(here, measured, output_format)
    for line in wrong:
        typer.echo(printable(f"edgecls: {line}"), err=True)
    if wrong:
        raise typer.Exit(1)


def _loads(images: Path | None) -> "tuple[list[ImageSet], list[str]]":
    from edgecls.bench.pictures import generate_images, of_folder

    if images is None:
        return list(generate_images()), []
    load, wrong = of_folder(images)
    return [load], wrong


def _print(here: "Machine", measured: "list[Measured]", output_format: ReportFormat) -> None:
    from edgecls.bench.benchmark import notes
    from edgecls.bench.comparison import compare
    from edgecls.cli.bench_tables import print_compared, print_measured

    compared = list(compare(*measured)) if len(measured) == 2 else []
    told = notes(here, measured)
    if output_format is ReportFormat.json:
        write_object(
            {
                "machine": asdict(here),
                "models": [_as_object(each) for each in measured],
                "compared": [each._asdict() for each in compared],
                "notes": told,
            }
        )
        return
    for each in measured:
        print_measured(each, here.cores)
    print_compared([each.model.name for each in measured], compared)
    for line in told:
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
