"""The command `stats`: the database in figures."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import OutputFormat, ReportFormat, write_object, write_rows
from edgecls.cli.result_options import Db, Device, Label, Model, Run, Since, Timeout, Until, filtered
from edgecls.cli.review_table import print_reviewed
from edgecls.cli.times import local
from edgecls.database.reading import open_results
from edgecls.results.active_learning.review_figures import review_figures
from edgecls.results.queries import stats as figures
from edgecls.results.queries.names import resolve_names
from edgecls.results.queries.periods import Unit
from edgecls.results.queries.time_limit import TimeLimit

SHA_DIGITS = 12
"""Of a model's SHA-256, as `--model` takes them: all 64 would not fit a terminal. JSON has them."""
BAR = 30
"""Characters of the longest bar in a wide terminal; in a narrow one, a fifth of it."""


def stats(
    *,
    db: Db = Path("results.db"),
    label: Label = None,
    since: Since = None,
    until: Until = None,
    device: Device = None,
    run: Run = None,
    model: Model = None,
    by: Annotated[Unit | None, typer.Option("--by", help="Counts of each hour or day, too.")] = None,
    timeout: Timeout = 30.0,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """Summarise the database: totals, labels, scores, latencies, models, and counts an hour or a day."""
    which = filtered(since, until, label=label, device=device, model=model, run=run)
    with closing(open_results(db)) as database, TimeLimit(database, timeout).running():
        which = resolve_names(database, which)
        found = figures.stats(database, which, by=by)
        found["reviewed"] = review_figures(database)  # of all times: rows may be gone
    if output_format is ReportFormat.json:
        write_object(found)
    else:
        for section in (_totals, _latencies, _labels, _scores, _models, _periods):
            section(found)
        print_reviewed(found["reviewed"])


def _totals(found: dict[str, Any]) -> None:
    plain = {name: value for name, value in found.items() if not isinstance(value, (list, dict))} | found["throughput"]
    del plain["latency_rows"]
    for name in ("first_classified_at", "last_classified_at", "busiest_hour"):
        plain[name] = local(plain[name])
    write_rows(("", "value"), [{"": name, "value": value} for name, value in plain.items()], OutputFormat.table)


def _latencies(found: dict[str, Any]) -> None:
    title = f"of the newest {found['latency_rows']} rows"
    rows = [{title: name, **found[name]} for name in ("decode_ms", "infer_ms")]
    _section((title, "median", "p95", "p99"), rows)


def _labels(found: dict[str, Any]) -> None:
    _section(("label", "count", "share", "mean_score"), found["labels"], bar_of="count")


def _scores(found: dict[str, Any]) -> None:
    rows = [{"score": f"{bin_['from']:.1f} to {bin_['to']:.1f}", "count": bin_["count"]} for bin_ in found["scores"]]
    _section(("score", "count"), rows, bar_of="count")


def _models(found: dict[str, Any]) -> None:
    rows = [{**each, "sha256": each["sha256"][:SHA_DIGITS]} for each in found["models"]]
    _section(("model", "count", "sha256"), rows)


def _periods(found: dict[str, Any]) -> None:
    if "counts" not in found:
        return
    is_utc = found.get("days_of") == "UTC"
    unit = "hour" if "days_of" not in found else "day of UTC" if is_utc else "day"
    if is_utc:
        typer.echo(
            "edgecls: days are those of UTC: rows are counted by its hours, and the local days begin within one",
            err=True,
        )
    rows = [
        {unit: each["start"][:10] if is_utc else local(each["start"]), "count": each["rows"], "errors": each["errors"],
         "labels": ", ".join(f"{name} {count}" for name, count in list(each["labels"].items())[:5])}
        for each in found["counts"]
    ]  # fmt: skip
    _section((unit, "count", "errors", "labels"), rows, bar_of="count")


def _section(columns: Sequence[str], rows: Sequence[dict[str, Any]], *, bar_of: str | None = None) -> None:
    """A table; in a terminal with bars."""
    typer.echo()
    if bar_of is not None and sys.stdout.isatty():
        most = max((row[bar_of] for row in rows), default=0) or 1
        longest = min(BAR, shutil.get_terminal_size().columns // 5)
        rows = [{**row, " ": _bar(row[bar_of] / most * longest)} for row in rows]
        columns = (*columns[: columns.index(bar_of) + 1], " ", *columns[columns.index(bar_of) + 1 :])
    write_rows(columns, rows, OutputFormat.table)


def _bar(length: float) -> str:
    """Of `length` characters, in eighths of one."""
    if "utf" not in (getattr(sys.stdout, "encoding", None) or "utf-8").lower():
        return "#" * round(length)
    whole, eighths = divmod(round(length * 8), 8)
    return "█" * whole + ("▏▎▍▌▋▊▉"[eighths - 1] if eighths else "")
