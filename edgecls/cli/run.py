"""The command `run`: run the daemon."""

import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.output import printable
from edgecls.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecls.device.configuration.config import Config

DEFAULT_CONFIG = Path("/etc/edgecls/edgecls.toml")
"""The file that `edgecls service install` creates."""


def run(
    *,
    config: Annotated[
        Path,
        typer.Option(
            "--config", envvar="EDGECLS_CONFIG", metavar="FILE", readable=False, help="The configuration file, in TOML."
        ),
    ] = DEFAULT_CONFIG,
    until_idle: Annotated[
        float | None,
        typer.Option("--until-idle", metavar="SECONDS", min=0.1, help="Stop when no file has arrived for this time."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Check configuration, model, database and source, then exit. The exit code is 78 if one is wrong.",
        ),
    ] = False,
) -> None:
    """Run the daemon: classify the frames of a source until it is stopped. SIGHUP reloads the configuration and the model."""
    if not check:
        # Until its handler is installed, SIGHUP would end the process, and systemd would take that for a requested stop.
        # Nothing has been read yet that a reload would change.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    read = _reader(config, until_idle)
    if check:
        _check(read, config)
    else:
        _run_daemon(read)


_PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Reasons why a configuration cannot be read that a restart does not fix, so that systemd need not try again."""


def _reader(path: Path, until_idle: float | None) -> "Callable[[], Config]":
    """Return a function that reads the configuration, with the options of the command line."""
    from edgecls.device.configuration.config import read_config
    from edgecls.errors import BadConfig, InputNotFound, IoFailed

    def read() -> "Config":
        try:
            config = read_config(path)
        except (InputNotFound, IoFailed) as error:  # such as a file that only root may read
            if isinstance(error.__cause__, _PERMANENT):
                raise BadConfig(str(error)) from error
            raise
        if until_idle is None:
            return config
        if "until_idle" not in type(config.source).model_fields:
            raise UsageError(
                f"--until-idle needs a folder as source, but the source is a {config.source.type}: omit it"
            )
        return config.model_copy(update={"source": config.source.model_copy(update={"until_idle": until_idle})})

    return read


def _run_daemon(read: "Callable[[], Config]") -> None:
    from edgecls.device import journal
    from edgecls.device.daemon import Daemon, StoppedEarly
    from edgecls.device.signals import requests_by_signal
    from edgecls.device.systemd_notify import Notifier, watchdog_seconds

    with journal.limited_repeats(logging.getLogger()) as sum_up, requests_by_signal() as requests:
        notifier, watchdog = Notifier.of(os.environ), watchdog_seconds(os.environ)
        try:
            with Daemon(read, requests, notifier=notifier, watchdog=watchdog, on_step=sum_up) as daemon:
                daemon.run()
        except StoppedEarly:
            logging.getLogger(__name__).info("stopped (signal) before it was ready")


def _permission_problems(config: Path) -> list[str]:
    """Return the files that the user of the service may not use. Root, who runs the check, may use everything."""
    from edgecls.doctor.access import access
    from edgecls.doctor.check_result import Status
    from edgecls.doctor.target import Target

    path = Path(os.path.realpath(config))
    if os.geteuid() != 0 or path.parent != DEFAULT_CONFIG.parent:
        return []
    answer = access(Target(config=path))
    return [f"{answer.message}: {answer.fix}"] if answer.status is Status.failed else []


def _check(read: "Callable[[], Config]", path: Path) -> None:
    from edgecls.device.startup_check import check_startup
    from edgecls.errors import BadConfig

    problems: list[str] = []
    for result in check_startup(read):
        problems += result.problems
        if not result.problems:
            typer.echo(printable(f"{result.part}: {result.description}"))
    problems = problems or _permission_problems(path)
    if problems:
        raise BadConfig(*problems)
    _report_removals(read())


def _report_removals(config: "Config") -> None:
    """Print how much the limits of the configuration would remove from the database; warn if it is more than half."""
    from contextlib import closing

    from edgecls.database.reading import open_results
    from edgecls.database.retention_preview import count_expired_frames, count_expired_rows

    if not config.database.exists():
        return
    retention, frames = config.retention, config.saved_frames
    with closing(open_results(config.database)) as db:
        removals = [
            ("retention", "rows", count_expired_rows(db, days=retention.rows_days, most=retention.rows_most)),
            ("saved_frames", "frames", count_expired_frames(db, days=frames.max_days, max_bytes=frames.max_bytes)),
        ]
    for section, what, removal in removals:
        if removal.removed:
            typer.echo(f"{section}: removes {removal.removed:,} of {removal.of:,} {what}")
        if removal.is_most:
            logging.getLogger(__name__).warning(
                "[%s] would remove %s of %s %s: raise its limits to keep them",
                section, f"{removal.removed:,}", f"{removal.of:,}", what,
            )  # fmt: skip
