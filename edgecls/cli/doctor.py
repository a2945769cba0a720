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
"""Characters a line: longer ones are hard to read."""


def doctor(
    *,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", readable=False, help="The model file; by default the configuration's."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", envvar="EDGECLS_CONFIG", readable=False, help="The TOML file; by default the service's, if any."
        ),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option("--db", envvar="EDGECLS_DB", readable=False, help="The database; by default the configuration's."),
    ] = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """Examine this device: runtime, processor, heat, cameras, disk, clock, database, service. Exit code 1 if something failed."""
    from edgecls.doctor.check_result import Status
    from edgecls.doctor.checks import run_checks
    from edgecls.doctor.target import Target

    findings = run_checks(Target(model=model, config=config, database=db))
    if output_format is ReportFormat.json:
        found = list(findings)
        write_object([finding._asdict() for finding in found])
    else:
        found = _shown(findings)
    if any(finding.status is Status.failed for finding in found):
        raise typer.Exit(1)


def _shown(findings: "Iterable[NamedResult]") -> "list[NamedResult]":
    """Each finding as it comes, in columns; what to do about it below."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    found = []
    for finding in findings:
        found.append(finding)
        status = finding.status.value.upper() if finding.status.value == "failed" else finding.status.value
        texts = [finding.message, f"-> {finding.fix}"] if finding.fix else [finding.message]
        begin = f"{status:<8}  {finding.check:<13}  "
        for text in texts:
            sys.stdout.write(_wrapped(encodable(printable(text), sys.stdout), begin, width) + "\n")
            begin = " " * len(begin)
        sys.stdout.flush()
    return found


def _wrapped(text: str, begin: str, width: int) -> str:
    """A path or a command's word stays whole, to be copied."""
    wrap = textwrap.TextWrapper(
        max(width, len(begin) + 20),
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return wrap.fill(text) or begin.rstrip()
