"""The command `doctor`."""

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.output import ReportFormat, encodable, printable, write_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecls.doctor.checks import NamedResult

WIDEST = 110
"""The maximum length of a line in characters; longer ones are hard to read."""


def doctor(
    *,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", "-m", metavar="FILE", readable=False, help="The model file. Default: that of the configuration."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar="EDGECLS_CONFIG",
            metavar="FILE",
            readable=False,
            help="The configuration file. Default: that of the service, if there is one.",
        ),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(
            "--db",
            envvar="EDGECLS_DB",
            metavar="FILE",
            readable=False,
            help="The results database. Default: that of the configuration.",
        ),
    ] = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
) -> None:
    """Check this device: runtime, processor, temperature, cameras, disk, clock, database and service.

    The exit code is 1 if a check failed.
    """
    from edgecls.doctor.check_result import Status
    from edgecls.doctor.checks import run_checks
    from edgecls.doctor.target import Target

    results = run_checks(Target(model=model, config=config, database=db))
    if output_format is ReportFormat.json:
        shown = list(results)
        write_object([result._asdict() for result in shown])
    else:
        shown = _print_results(results)
    if any(result.status is Status.failed for result in shown):
        raise typer.Exit(1)


def _print_results(results: "Iterable[NamedResult]") -> "list[NamedResult]":
    """Print each result as soon as it is there, with its remedy below it; return the results."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    shown = []
    for result in results:
        shown.append(result)
        status = result.status.value.upper() if result.status.value == "failed" else result.status.value
        texts = [result.message, f"-> {result.fix}"] if result.fix else [result.message]
        begin = f"{status:<8}  {result.check:<13}  "
        for text in texts:
            sys.stdout.write(_wrapped(encodable(printable(text), sys.stdout), begin, width) + "\n")
            begin = " " * len(begin)
        sys.stdout.flush()
    return shown


def _wrapped(text: str, begin: str, width: int) -> str:
    """Wrap `text`, but no word, so that paths and commands can be copied."""
    wrap = textwrap.TextWrapper(
        max(width, len(begin) + 20),
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return wrap.fill(text) or begin.rstrip()
