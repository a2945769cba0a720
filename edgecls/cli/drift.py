"""The command `drift`: compare the distributions of labels and scores with earlier ones."""

from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.output import OutputFormat, ReportFormat, printable, write_object, write_rows
from edgecls.cli.result_options import Db, Since, Until
from edgecls.cli.times import parse_time
from edgecls.errors import UsageError

if TYPE_CHECKING:
    from edgecls.results.drift.answers import Period
    from edgecls.results.drift.verdict import DriftReport

SHOWN = 10
"""The number of labels in the table: those that changed most. JSON has all."""


class What(str, Enum):
    """The value of --only."""

    labels = "labels"
    scores = "scores"


def drift(
    *,
    db: Db = Path("results.db"),
    since: Since = None,
    until: Until = None,
    baseline_since: Annotated[
        str | None,
        typer.Option(
            "--baseline-since", metavar="T", help="Compare with the rows from T on instead of the validation images."
        ),
    ] = None,
    baseline_until: Annotated[
        str | None,
        typer.Option("--baseline-until", metavar="T", help="Compare with the rows before T. Default: before --since."),
    ] = None,
    only: Annotated[What | None, typer.Option("--only", help="Compare only labels or only scores.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="The model, by name or by the first digits of its SHA-256. Default: the one used last.",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="Use only the rows of this device.")
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", min=0.0005, max=0.5, metavar="SHARE", help="The accepted share of false alarms.")
    ] = 0.01,
    psi: Annotated[
        float,
        typer.Option(
            "--psi", min=0, metavar="INDEX", help="The population stability index from which a change matters."
        ),
    ] = 0.1,
    independent: Annotated[
        bool, typer.Option("--independent", help="Treat the frames as independent: no two show the same scene.")
    ] = False,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
) -> None:
    """Test whether the distributions of labels and scores have changed. The exit code is 1 if they have."""
    from edgecls.database.reading import open_results
    from edgecls.results.drift.verdict import DISTRIBUTIONS, DRIFT, DriftLimits, find_drift, report_as_dict

    period, baseline = _periods((since, until), (baseline_since, baseline_until))
    limits = DriftLimits(alpha, psi, DISTRIBUTIONS if only is None else (only.value,), independent)
    with closing(open_results(db)) as database:
        result = find_drift(database, period, baseline, limits=limits, model=model, device=device)
    if output_format is ReportFormat.json:
        write_object(report_as_dict(result, period, baseline, limits))
    else:
        _print(result, "the baseline" if baseline else "the validation images")
    if result.verdict == DRIFT:
        raise typer.Exit(1)


def _periods(new: tuple[str | None, str | None], old: tuple[str | None, str | None]) -> "tuple[Period, Period | None]":
    from edgecls.results.drift.answers import Period

    since, until = (parse_time(text, option) for text, option in zip(new, ("--since", "--until"), strict=True))
    options = ("--baseline-since", "--baseline-until")
    begin, end = (parse_time(text, option) for text, option in zip(old, options, strict=True))
    if begin is None and end is None:
        periods = [Period(since, until)]
    else:
        periods = [Period(since, until), Period(begin, since if end is None else end)]
    for period, name in zip(periods, ("--", "--baseline-"), strict=False):
        if period.since and period.until and period.since >= period.until:
            raise UsageError(f"{name}since is not before {name}until: swap them, or widen the interval")
    return periods[0], periods[1] if len(periods) > 1 else None


def _print(drift: "DriftReport", baseline: str) -> None:
    from edgecls.results.drift.verdict import with_unit

    about = f"{drift.model.name}, {with_unit(drift.rows, 'row')} against {drift.baseline_rows} of {baseline}"
    changed = f" of {' and '.join(drift.drifted)}" if drift.drifted else ""
    reason = f": {drift.reason}" if drift.reason else ""
    typer.echo(printable(f"{drift.verdict}{changed}{reason} ({about})"))
    for what, one in drift.compared.items():
        sizes = f"{with_unit(one.n, 'row')} worth {one.effective_n:.0f}, {one.baseline_n} worth {one.baseline_effective_n:.0f}"
        typer.echo(f"\n{what}: stability index {one.psi:.3f}, p {one.p:.4f} ({sizes})")
        largest = sorted(one.categories, key=lambda each: -each.psi)[:SHOWN] if what == "labels" else one.categories
        rows = (
            {
                what: each.name,
                "share": f"{each.share:.3f}",
                "before": f"{each.baseline_share:.3f}",
                "index": f"{each.psi:.3f}",
            }
            for each in largest
        )
        write_rows((what, "share", "before", "index"), rows, OutputFormat.table)
