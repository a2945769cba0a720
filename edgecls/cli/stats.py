"""The command `stats`: print statistics of a results database."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import OutputFormat, ReportFormat, write_object, write_rows
from edgecls.cli.result_options import Db, Device, Label, Model, Run, Since, Timeout, Until, filters_of
from edgecls.cli.review_table import print_reviewed
from edgecls.cli.times import local
from edgecls.database.reading import open_results
from edgecls.results.active_learning.review_figures import review_figures
from edgecls.results.queries import stats as statistics
from edgecls.results.queries.names import resolve_names
from edgecls.results.queries.periods import Unit
from edgecls.results.queries.time_limit import TimeLimit

SHA_DIGITS = 12
"""The digits of a SHA-256 in a table; JSON has all 64."""
BAR_WIDTH = 30
"""The longest bar in characters; in a narrow terminal, a fifth of its width."""


def stats(
    *,
    db: Db = Path("results.db"),
    label: Label = None,
    since: Since = None,
    until: Until = None,
    device: Device = None,
    run: Run = None,
    model: Model = None,
    by: Annotated[Unit | None, typer.Option("--by", help="Also print counts by hour or by day.")] = None,
    timeout: Timeout = 30.0,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
) -> None:
    """Print statistics: totals, labels, scores, latencies, models, and counts by hour or day."""
    filters = filters_of(since, until, label=label, device=device, model=model, run=run)
    with closing(open_results(db)) as database, TimeLimit(database, timeout).running():
        filters = resolve_names(database, filters)
        summary = statistics.stats(database, filters, by=by)
        summary["reviewed"] = review_figures(database)  # of all rows, also those that retention has removed
    if output_format is ReportFormat.json:
        write_object(summary)
    else:
        for print_section in (_totals, _latencies, _labels, _scores, _models, _periods):
            print_section(summary)
        print_reviewed(summary["reviewed"])


def _totals(summary: dict[str, Any]) -> None:
    values = {name: value for name, value in summary.items() if not isinstance(value, (list, dict))}
    values |= summary["throughput"]
    del values["latency_rows"]
    for name in ("first_classified_at", "last_classified_at", "busiest_hour"):
        values[name] = local(values[name])
    write_rows(("", "value"), [{"": name, "value": value} for name, value in values.items()], OutputFormat.table)


def _latencies(summary: dict[str, Any]) -> None:
    title = f"newest {summary['latency_rows']} rows"
    rows = [{title: name, **summary[name]} for name in ("decode_ms", "infer_ms")]
    _print_section((title, "median", "p95", "p99"), rows)


def _labels(summary: dict[str, Any]) -> None:
    _print_section(("label", "count", "share", "mean_score"), summary["labels"], bar_of="count")


def _scores(summary: dict[str, Any]) -> None:
    rows = [{"score": f"{bin_['from']:.1f} to {bin_['to']:.1f}", "count": bin_["count"]} for bin_ in summary["scores"]]
    _print_section(("score", "count"), rows, bar_of="count")


def _models(summary: dict[str, Any]) -> None:
    rows = [{**model, "sha256": model["sha256"][:SHA_DIGITS]} for model in summary["models"]]
    _print_section(("model", "count", "sha256"), rows)


def _periods(summary: dict[str, Any]) -> None:
    if "counts" not in summary:
        return
    is_utc = summary.get("days_of") == "UTC"
    unit = "hour" if "days_of" not in summary else "day (UTC)" if is_utc else "day"
    if is_utc:
        typer.echo(
            "edgecls: showing days in UTC: rows are counted by UTC hours, and local days do not start at one",
            err=True,
        )
    rows = [
        {unit: period["start"][:10] if is_utc else local(period["start"]), "count": period["rows"],
         "errors": period["errors"],
         "labels": ", ".join(f"{name} {count}" for name, count in list(period["labels"].items())[:5])}
        for period in summary["counts"]
    ]  # fmt: skip
    _print_section((unit, "count", "errors", "labels"), rows, bar_of="count")


def _print_section(columns: Sequence[str], rows: Sequence[dict[str, Any]], *, bar_of: str | None = None) -> None:
    """Print a table; in a terminal, with bars after the column `bar_of`."""
    typer.echo()
    if bar_of is not None and sys.stdout.isatty():
        highest = max((row[bar_of] for row in rows), default=0) or 1
        width = min(BAR_WIDTH, shutil.get_terminal_size().columns // 5)
        rows = [{**row, " ": _bar(row[bar_of] / highest * width)} for row in rows]
        columns = (*columns[: columns.index(bar_of) + 1], " ", *columns[columns.index(bar_of) + 1 :])
    write_rows(columns, rows, OutputFormat.table)


def _bar(length: float) -> str:
    """Return a bar of `length` characters, drawn in eighths of one."""
    if "utf" not in (getattr(sys.stdout, "encoding", None) or "utf-8").lower():
        return "#" * round(length)
    whole, eighths = divmod(round(length * 8), 8)
    return "█" * whole + ("▏▎▍▌▋▊▉"[eighths - 1] if eighths else "")
