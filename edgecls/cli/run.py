"""The command `run`: the daemon."""

import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.output import printable
from edgecls.errors import IoFailed, UsageError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edgecls.device.configuration.config import Config
    from edgecls.device.results_wing import ResultsWing

DEFAULT_CONFIG = Path("/etc/edgecls/edgecls.toml")
"""Where `edgecls service install` puts it."""


def run(
    *,
    config: Annotated[
        Path, typer.Option("--config", envvar="EDGECLS_CONFIG", readable=False, help="The TOML file.")
    ] = DEFAULT_CONFIG,
    until_idle: Annotated[
        float | None,
        typer.Option("--until-idle", metavar="SECONDS", min=0.1, help="Stop when nothing came for so long."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether it would start; exit code 78 if not.")
    ] = False,
) -> None:
    """Classify what a source delivers, for ever: the daemon. SIGHUP has it read configuration and model anew."""
    if not check:
        # Until its handler is there it would end the process, and systemd takes that for a stop that was asked for. Nothing
        # has been read yet that would have to be read anew.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    read = _reader(config, until_idle)
    if check:
        _check(read, config)
    else:
        _serve(read)


_STAYS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""What keeps a configuration from being read until somebody mends it: systemd need not try again."""


def _reader(path: Path, until_idle: float | None) -> "Callable[[], Config]":
    """What reads the configuration, with the command line's changes."""
    from edgecls.device.configuration.config import read_config
    from edgecls.errors import BadConfig, InputNotFound, IoFailed

    def read() -> "Config":
        try:
            config = read_config(path)
        except (InputNotFound, IoFailed) as error:  # such as a file of root's that the service's user may not read
            if isinstance(error.__cause__, _STAYS):
                raise BadConfig(str(error)) from error
            raise
        if until_idle is None:
            return config
        if "until_idle" not in type(config.source).model_fields:
            raise UsageError(f"--until-idle is for folders, and the source is a {config.source.type}: leave it out")
        return config.model_copy(update={"source": config.source.model_copy(update={"until_idle": until_idle})})

    return read


def _serve(read: "Callable[[], Config]") -> None:
    from edgecls.device import journal
    from edgecls.device.daemon import Service, StoppedEarly
    from edgecls.device.signals import requests_by_signal
    from edgecls.device.systemd_notify import Notifier, watchdog_seconds

    with journal.limited_repeats(logging.getLogger()) as sum_up, requests_by_signal() as requests:
        service = Service(
            read,
            _results_wing(requests.stop),
            requests,
            notifier=Notifier.of(os.environ),
            watchdog=watchdog_seconds(os.environ),
            each_turn=sum_up,
        )
        try:
            with service:
                service.run()
        except StoppedEarly:
            logging.getLogger(__name__).info("stopped (signal) before it was ready")


def _results_wing(stop: "threading.Event") -> "ResultsWing":
    from edgecls.database.patient import patiently
    from edgecls.database.retention import Retention
    from edgecls.database.saved_frame_rows import SavedFrameRows
    from edgecls.database.search_index import SearchIndex
    from edgecls.database.seen_file_rows import SeenFileRows
    from edgecls.database.store import Store
    from edgecls.database.wal_checkpoints import WalCheckpoints
    from edgecls.device.results_wing import ResultsWing

    return ResultsWing(
        open_store=lambda path, progress: Store.open_durably(path, stop=stop, progress=progress),
        patiently=lambda action, stop, progress: patiently(action, stop, progress=progress),
        saved_rows=SavedFrameRows,
        retention=lambda store, days, most, remember: Retention(store, days=days, most=most, remember=remember),
        words=SearchIndex,
        log_keeping=WalCheckpoints,
        seen_files=SeenFileRows,
    )


def _problems_of_the_service(config: Path) -> list[str]:
    """Return what the user of the service may not use: to root, who checks, everything is open."""
    from edgecls.doctor.access import access
    from edgecls.doctor.check_result import Status
    from edgecls.doctor.target import Target

    path = Path(os.path.realpath(config))
    if os.geteuid() != 0 or path.parent != DEFAULT_CONFIG.parent:
        return []
    answer = access(Target(config=path))
    return [f"{answer.message}: {answer.fix}"] if answer.status is Status.failed else []


def _check(read: "Callable[[], Config]", path: Path) -> None:
    from edgecls.device.startup_check import check
    from edgecls.errors import BadConfig

    problems: list[str] = []
    for finding in check(read, _check_database):
        problems += finding.problems
        if not finding.problems:
            typer.echo(printable(f"{finding.part}: {finding.what}"))
    problems = problems or _problems_of_the_service(path)
    if problems:
        raise BadConfig(*problems)
    _tell_removals(read())


def _tell_removals(config: "Config") -> None:
    """Say what the limits of the configuration would remove from the database; warn where it is most of it."""
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
                "[%s] would remove %s of %s %s: raise its limits if these are to be kept",
                section, f"{removal.removed:,}", f"{removal.of:,}", what,
            )  # fmt: skip


def _check_database(path: Path) -> None:
    """Raise where the daemon could not write its rows to `path`; what is there is only read."""
    from edgecls.database.reading import open_results
    from edgecls.files import check_writable

    if not path.exists():
        check_writable(path)
        return
    open_results(path).close()
    if not os.access(path, os.W_OK):
        raise IoFailed(f"{path} is read-only: check owner, mode and mount, or name another file")
    check_writable(path.with_name(f"{path.name}.lock"))  # which the daemon makes, as SQLite makes its log there
