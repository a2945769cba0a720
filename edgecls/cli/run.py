"""The command `run`: the daemon."""

import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.output import printable
from edgecls.errors import UsageError, WriteFailed

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edgecls.device.configuration.config import Config
    from edgecls.device.running.results_wing import ResultsWing

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
        _check(read)
    else:
        _serve(read)


def _reader(path: Path, until_idle: float | None) -> "Callable[[], Config]":
    """What reads the configuration, with the command line's changes."""
    from edgecls.device.configuration.config import read_config

    def read() -> "Config":
        config = read_config(path)
        if until_idle is None:
            return config
        if "until_idle" not in type(config.source).model_fields:
            raise UsageError(f"--until-idle is for folders, and the source is a {config.source.type}: leave it out")
        return config.model_copy(update={"source": config.source.model_copy(update={"until_idle": until_idle})})

    return read


def _serve(read: "Callable[[], Config]") -> None:
    from edgecls.device.running import journal
    from edgecls.device.running.notify import Notifier, watchdog_seconds
    from edgecls.device.running.serving import Service, StoppedEarly
    from edgecls.device.running.signals import requests_by_signal

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
    from edgecls.device.running.results_wing import ResultsWing
    from edgecls.results.log_keeping import LogKeeping
    from edgecls.results.patient import patiently
    from edgecls.results.retention import Retention
    from edgecls.results.saved import SavedRows
    from edgecls.results.seen_files import SeenFiles
    from edgecls.results.store import Store
    from edgecls.results.words import WordIndex

    return ResultsWing(
        open_store=lambda path, progress: Store.open_durably(path, stop=stop, progress=progress),
        patiently=lambda action, stop, progress: patiently(action, stop, progress=progress),
        saved_rows=SavedRows,
        retention=lambda store, days, most, remember: Retention(store, days=days, most=most, remember=remember),
        words=WordIndex,
        log_keeping=LogKeeping,
        seen_files=SeenFiles,
    )


def _check(read: "Callable[[], Config]") -> None:
    from edgecls.device.running.check import check
    from edgecls.errors import BadConfig

    problems: list[str] = []
    for finding in check(read, _check_database):
        problems += finding.problems
        if not finding.problems:
            typer.echo(printable(f"{finding.part}: {finding.what}"))
    if problems:
        raise BadConfig(*problems)


def _check_database(path: Path) -> None:
    """Raise where the daemon could not write its rows to `path`; what is there is only read."""
    from edgecls.files import check_writable
    from edgecls.results.queries import open_results

    if not path.exists():
        check_writable(path)
        return
    open_results(path).close()
    if not os.access(path, os.W_OK):
        raise WriteFailed(f"{path} is read-only: check owner, mode and mount, or name another file")
