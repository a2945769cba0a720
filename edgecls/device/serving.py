"""The daemon as a service: its parts opened in order, the loop, the reload, and the way back."""

import contextlib
import logging
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from edgecls import __version__
from edgecls.bundled import default_model
from edgecls.device.classifier import Classifier
from edgecls.device.config import Config, AnySource
from edgecls.device.daemon import Sink, Steps, Turn, impatient, turns
from edgecls.device.golden import replay_golden
from edgecls.device.heartbeat import Heartbeat, Tally
from edgecls.device.lock import lock_database, lock_folder
from edgecls.device.notify import Notifier
from edgecls.device.settings import FolderSettings
from edgecls.device.signals import Requests
from edgecls.device.sources import Source, open_source
from edgecls.errors import EdgeclsError
from edgecls.model_file import ModelFile
from edgecls.records import Frame

log = logging.getLogger(__name__)


class RunStore(Sink, Protocol):
    """What the service needs of a database; a context manager: open while inside."""

    def begin_run(
        self,
        *,
        sha256: str,
        model_name: str,
        labels: Sequence[str],
        metrics: Mapping[str, Any],
        device: str,
        source: str,
        version: str,
        config: Mapping[str, Any],
    ) -> int:
        """Register a run; ends one that is open."""
        ...

    def end_run(self, reason: str) -> None:
        """Note when and why it stopped."""
        ...

    def __enter__(self) -> "RunStore":
        """It is open."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...


OpenStore = Callable[[Path, Callable[[], None]], RunStore]
"""The database at a path; a check that takes long calls the function, to say that it is no hang."""

Patiently = Callable[[Callable[[], object], threading.Event, Callable[[], None]], bool]
"""Does an action until the disk has room for it, calling the function meanwhile; False if the event ended that."""

START_S = 60
"""How much longer systemd waits for READY, each time that the start says that it is no hang."""


def _once(action: Callable[[], object], _: threading.Event, __: Callable[[], None]) -> bool:
    return impatient(action)


@dataclass(frozen=True, slots=True)
class Intake:
    """An open source, and the one iterator over its frames: a reload that leaves the source alone goes on with it."""

    source: Source
    frames: Iterator[Frame | None]


_T = TypeVar("_T")


class Opened(Generic[_T]):
    """A context manager's value, from its entry until `close`."""

    def __init__(self, context: contextlib.AbstractContextManager[_T]) -> None:
        self._stack = contextlib.ExitStack()
        self.value = self._stack.enter_context(context)

    def close(self) -> None:
        """Leave the context; again does nothing."""
        self._stack.close()


class _Refused(Exception):
    """The reload cannot be; the old parts are as they were."""


class Service:
    """Owns the parts. A context manager: what `__enter__` opens, `run` uses, and `__exit__` closes in reverse.

    `read` gives the configuration, now and at each reload; `open_store` the database at a path. Raises, from
    everything, the errors of the parts.
    """

    def __init__(
        self,
        read: Callable[[], Config],
        open_store: OpenStore,
        requests: Requests,
        *,
        notifier: Notifier | None = None,
        watchdog: float | None = None,
        patiently: Patiently = _once,
        each_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self.tally = Tally()
        self._read, self._open_store, self._requests = read, open_store, requests
        self._notifier = notifier or Notifier(None)
        self._heartbeat = Heartbeat(self._notifier, watchdog)
        self._patiently = patiently
        self._each_turn = each_turn
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "Service":
        """Open everything, then say READY: the model has proved itself and the source delivers."""
        with contextlib.ExitStack() as undo:
            self.config = self._read()
            self._classifier = load(self.config)
            self._intake = Opened(_intake(self.config.source, self._requests))
            undo.callback(self._close_intake)
            self._database = self._open_database(self.config)  # last: where the others fail no file is begun
            undo.callback(self._close_database)
            self._begin_run()
            self._closing = undo.pop_all()
        self._ready("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _close_database(self) -> None:
        """The one in use by then."""
        self._database.close()

    def _close_intake(self) -> None:
        """The one in use by then."""
        self._intake.close()

    def run(self) -> None:
        """Take frames until the source ends or the stop is asked for."""
        while self._take_frames():
            self._requests.reload.clear()
            self._reload()
        self._notifier.send(STOPPING=1, STATUS=f"stopping: {self.tally}")
        reason = "signal" if self._requests.stop.is_set() else "idle"
        self._patience(lambda: self._database.value.end_run(reason))
        log.info("stopped (%s): %d rows written", reason, self.tally.rows)

    def _take_frames(self) -> bool:
        """True if the frames were left for a reload, False if there will be no more."""
        steps, reload = self._steps(), False
        for turn in turns(self._intake.value.frames, steps, self.tally):
            self.tally.dropped = getattr(self._intake.value.source, "dropped", 0)
            self._progress()
            reload = self._requests.reload.is_set() and not self._requests.stop.is_set()
            if reload or turn is Turn.STOPPED:
                break
        steps.finish(self.tally)
        return reload

    def _steps(self) -> Steps:
        """Here a vote, the saving of frames and the retention of rows come in, by their sections of the configuration."""
        return Steps(self._intake.value.source, self._classifier, self._database.value, patience=self._patience)

    def _patience(self, action: Callable[[], object]) -> bool:
        return self._patiently(action, self._requests.stop, self._progress)

    def _progress(self) -> None:
        self._heartbeat.progress(self.tally)
        self._each_turn()

    def _opening(self) -> None:
        """The start, or a reload, takes long, but goes on."""
        self._notifier.send(EXTEND_TIMEOUT_USEC=START_S * 1_000_000)
        self._heartbeat.progress("checking the database")

    def _open_database(self, config: Config) -> Opened[RunStore]:
        return Opened(_database(config.database, lambda path: self._open_store(path, self._opening)))

    def _reload(self) -> None:
        """Configuration and model anew, if all of it can be had; else everything stays, and a line says why."""
        self._notifier.reloading()
        try:
            self._swap()
        except _Refused as refused:
            log.error("not reloaded, everything stays as it was: %s", refused)  # noqa: TRY400  # no traceback for users
            self._notifier.send(READY=1, STATUS=str(self.tally))
        else:
            self._ready("reloaded")

    def _swap(self) -> None:
        """Open the new parts first; the source last, because a camera cannot be opened twice."""
        with _refusing():
            config = self._read()
            classifier = load(config)
        database, same_database = self._database, config.database == self.config.database
        if not same_database:
            with _refusing():
                database = self._open_database(config)
        try:
            if config.source != self.config.source:
                self._exchange_source(config.source)
        except BaseException:
            if not same_database:
                database.close()
            raise
        self._database.value.end_run("reloaded")
        if not same_database:
            self._database.close()
        self.config, self._classifier, self._database = config, classifier, database
        self._begin_run()

    def _exchange_source(self, settings: AnySource) -> None:
        """Close the old source, open the new one; if that fails the old one again, and if that fails the daemon ends."""
        self._intake.close()
        try:
            with _refusing():
                self._intake = Opened(_intake(settings, self._requests))
        except _Refused:
            self._intake = Opened(_intake(self.config.source, self._requests))
            raise

    def _begin_run(self) -> None:
        begin_run(
            self._database.value,
            self._classifier.model,
            device=self.config.device,
            source=self._intake.value.source.name,
            config=self.config.model_dump(mode="json"),
        )

    def _ready(self, what: str) -> None:
        model, source = self._classifier.model, self._intake.value.source
        log.info("%s: %s, %d golden examples right, %s", what, model.name, len(model.golden), source.name)
        self._notifier.send(READY=1, STATUS=f"{what}: {self.tally}")


def load(config: Config) -> Classifier:
    """The classifier, once its model has replayed its golden examples. Raises BadModel and those of `Classifier`."""
    classifier = Classifier(
        config.model or default_model(), runtime=config.runtime, threads=config.threads, top_k=config.top_k
    )
    replay_golden(classifier)
    return classifier


def begin_run(store: RunStore, model: ModelFile, *, device: str, source: str, config: Mapping[str, Any]) -> None:
    """Register a run of `model` in the store."""
    store.begin_run(
        sha256=model.sha256,
        model_name=model.name,
        labels=model.labels,
        metrics=model.info.metrics if model.info else {},
        device=device,
        source=source,
        version=__version__,
        config=config,
    )


@contextlib.contextmanager
def _database(path: Path, open_store: Callable[[Path], RunStore]) -> Iterator[RunStore]:
    with lock_database(path), open_store(path) as store:
        yield store


@contextlib.contextmanager
def _intake(settings: AnySource, requests: Requests) -> Iterator[Intake]:
    with contextlib.ExitStack() as stack:
        if isinstance(settings, FolderSettings) and (lock := lock_folder(settings.path)):
            stack.enter_context(lock)
        source = stack.enter_context(open_source(settings.type, settings))
        frames = source.frames(requests.stop)
        if isinstance(frames, Generator):
            stack.enter_context(contextlib.closing(frames))
        yield Intake(source, frames)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (EdgeclsError, OSError) as error:
        raise _Refused(str(error)) from error
