"""The daemon as a service: its parts opened in order, the loop, the reload, and the way back."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from edgecls.device.classifier_pool import Ahead
from edgecls.device.configuration.config import AnySource, Config
from edgecls.device.configuration.settings import FolderSettings
from edgecls.device.heartbeat import Heartbeat, Tally
from edgecls.device.parts import (
    Intake,
    LockedDatabase,
    Opened,
    budgets,
    frames_in_flight,
    intake,
    is_at_once,
    is_replayed,
    load,
    remembering,
    version_of,
    vote,
)
from edgecls.device.pipeline import GROUP_ROWS, Steps, Turn, turns
from edgecls.device.results_wing import ResultsWing, begin_run
from edgecls.device.signals import AnyOf, Requests
from edgecls.device.systemd_notify import Notifier
from edgecls.errors import EdgeclsError, FileReplaced
from edgecls.inference.classifier import Classifier

if TYPE_CHECKING:
    from edgecls.model.model_file import ModelFile
    from edgecls.records import Frame

log = logging.getLogger(__name__)

_T = TypeVar("_T")

START_S = 60
"""How much longer systemd waits for READY, each time that the start says that it is no hang."""


class _Refused(Exception):
    """The reload cannot be; the old parts are as they were."""


class StoppedEarly(Exception):
    """The stop was asked for before everything was open; there is nothing to finish."""


class Service:
    """Owns the parts. A context manager: what `__enter__` opens, `run` uses, and `__exit__` closes in reverse.

    `read` gives the configuration, now and at each reload; `results` opens the database. Raises, from
    everything, the errors of the parts.
    """

    def __init__(
        self,
        read: Callable[[], Config],
        results: ResultsWing,
        requests: Requests,
        *,
        notifier: Notifier | None = None,
        watchdog: float | None = None,
        each_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self.tally = Tally()
        self._read, self._results, self._requests = read, results, requests
        self._notifier = notifier or Notifier(None)
        self._heartbeat = Heartbeat(self._notifier, watchdog)
        self._each_turn = each_turn
        self._again: list[Frame] = []  # frames that were not finished before a reload
        self._is_misplaced = False  # the database was removed, renamed or overwritten since it was opened
        self._hurry = threading.Event()  # to wait for no disk: what is left is closed
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "Service":
        """Open everything, then say READY: the model has proved itself, and the source is open.

        A full disk, and a database that another process holds, are waited for. Raises StoppedEarly if that was ended by
        a request to stop.
        """
        with contextlib.ExitStack() as undo:
            self.config = self._read()
            self._take_up(load(self.config))
            undo.callback(self._close_ahead)
            self._intake: Opened[Intake] = Opened(intake(self.config.source, self._requests))
            undo.callback(self._close_intake)
            # Last: where the others fail no file is begun.
            self._database = self._when_possible(lambda: self._open_database(self.config))
            undo.callback(self._close_database)
            self._budgets = self._when_possible(
                lambda: budgets(self.config, self._database.value, self._results, self._model)
            )
            self._steps = self._new_steps()
            self._run_is_open = self._begun_at_start()
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

    def _close_ahead(self) -> None:
        """The one in use by then."""
        self._ahead.close()
        if self._in_flight:
            self._in_flight.close()

    def _close_intake(self) -> None:
        """The one in use by then."""
        self._intake.close()

    def run(self) -> None:
        """Take frames until the source ends or the stop is asked for."""
        while self._take_frames():
            self._again = [*self._steps.give_back(), *self._again]
            if self._is_misplaced:
                if not self._begin_again():
                    return
            else:
                self._requests.reload.clear()
                self._reload()
        self._notifier.send(STOPPING=1, STATUS=f"stopping: {self.tally}")
        taken_again = is_replayed(self.config.source) and self._requests.stop.is_set()  # the votes of a video
        if self._run_is_open and not taken_again:
            self._steps.finish(self.tally)
        self._write_seen()
        ended = "end of the video" if self.config.source.type == "video" else "idle"
        reason = "signal" if self._requests.stop.is_set() else ended
        self._patience(lambda: self._database.value.end_run(reason))
        log.info("stopped (%s): %d rows written", reason, self.tally.rows)

    def _take_frames(self) -> bool:
        """True if the frames were left for a reload, False if there will be no more."""
        if not self._run_is_open:  # after a reload
            self._run_is_open = self._patience(self._begin_run)
        if not self._run_is_open:
            return not self._requests.stop.is_set()
        for turn in self._turns():
            self._progress()
            if self._requests.stop.is_set():
                if turn is Turn.STOPPED:
                    return False
            elif turn is Turn.STOPPED or self._is_misplaced:
                return True
            elif self._requests.reload.is_set():
                self._steps.settle(self.tally)  # what is on its way, with the model that has it
                return True
        return self._is_misplaced and not self._requests.stop.is_set()

    def _turns(self) -> Iterator[Turn]:
        """First what the reload has interrupted."""
        yield from self._steps.settling(self.tally)
        while self._again:
            yield self._steps.take(self._again.pop(0), self.tally)
        yield from turns(self._intake.value.frames, self._steps, self.tally)

    def _take_up(self, classifiers: list[Classifier]) -> None:
        self._model = classifiers[0].model
        self._in_flight = frames_in_flight(self.config)
        guarded = [self._in_flight.guard(one) for one in classifiers] if self._in_flight else classifiers
        self._ahead = Ahead(guarded, at_once=is_at_once(self.config.source))

    def _new_steps(self) -> Steps:
        saves = self.config.saved_frames.keep != "none"
        source, database = self._intake.value.source, self._database.value
        self._seen = remembering(source, self.config.source, database, self._results)
        return Steps(
            self._intake.value.source,
            self._ahead,
            self._database.value,
            vote=vote(self.config),
            is_live=not is_replayed(self.config.source),
            saved=self._budgets.saved,
            retention=self._budgets.retention,
            upkeep=self._budgets.upkeep,
            held_frames=self.config.vote.votes if saves else 0,
            # A frame that is saved waits for the disk anyway, and its budget holds row by row.
            together=1 if saves or is_at_once(self.config.source) else GROUP_ROWS,
            patience=self._patience,
        )

    def _write_seen(self) -> None:
        if self._seen:
            self._patience(self._seen.flush)

    def _patience(self, action: Callable[[], object]) -> bool:
        interrupt = AnyOf(self._requests.stop, self._requests.reload, self._hurry)
        try:
            return self._results.patiently(action, interrupt, self._held_up)
        except FileReplaced:  # closing it says so
            self._is_misplaced = True
            return False

    def _held_up(self) -> None:
        self._progress(f"{self._what_is_awaited()}; ")

    def _when_possible(self, action: Callable[[], _T]) -> _T:
        """What `action` returns, once the disk has room for it and nobody holds the file: a part of the start."""
        done: list[_T] = []
        if not self._results.patiently(lambda: done.append(action()), self._requests.stop, self._waiting):
            raise StoppedEarly
        return done[0]

    def _begun_at_start(self) -> bool:
        """Begin the run; False if the database was removed or replaced meanwhile, and is to be opened again."""
        try:
            self._when_possible(self._begin_run)
        except FileReplaced:
            self._is_misplaced = True
        return not self._is_misplaced

    def _waiting(self) -> None:
        self._starting(self._what_is_awaited())

    def _what_is_awaited(self) -> str:
        return f"waiting for {self.config.database}: another process holds it, or the disk is full"

    def _progress(self, what: str = "") -> None:
        self.tally.source = self._intake.value.source.status()
        self._heartbeat.progress(f"{what}{self.tally}")
        self._each_turn()

    def _opening(self) -> None:
        """The start, or a reload, takes long, but goes on."""
        self._starting("checking the database")

    def _starting(self, what: str) -> None:
        self._notifier.send(EXTEND_TIMEOUT_USEC=START_S * 1_000_000)
        self._heartbeat.progress(what)

    def _open_database(self, config: Config) -> LockedDatabase:
        return LockedDatabase(config.database, lambda path: self._results.open_store(path, self._opening))

    def _begin_again(self) -> bool:
        """Open what is at the database's name now, or make a new one; False if the stop was asked for before that.

        What was not acknowledged gets its row there. Files that stay in their folder are looked at again, as at a start.
        """
        self._run_is_open = False
        while self._is_misplaced:
            self._database.close_store()
            self._wait_until_whole()
            if not self._results.patiently(self._database.open_again, self._requests.stop, self._waiting):
                log.info("stopped (signal): %d rows written", self.tally.rows)
                return False
            with contextlib.suppress(FileReplaced):  # once more
                self._budgets = self._when_possible(
                    lambda: budgets(self.config, self._database.value, self._results, self._model)
                )
                self._is_misplaced = False
        before = self._steps
        source = self.config.source
        if isinstance(source, FolderSettings) and source.after == "keep":
            with contextlib.suppress(_Refused):  # it is open all the same, at the second attempt
                self._exchange_source(source)
            self._steps = self._new_steps()
        else:
            self._steps = self._new_steps()
            self._steps.take_over_vote(before)
        log.warning("%s was opened again: going on", self.config.database)
        return True

    def _wait_until_whole(self) -> None:
        """Another program may be in the middle of copying a database to that name: wait until it rests for a second."""
        before, now = None, version_of(self.config.database)
        while now != before and not self._requests.stop.wait(1.0):
            self._waiting()
            before, now = now, version_of(self.config.database)

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
            classifiers = load(config)
        database, same_database = self._database, config.database == self.config.database
        if not same_database:
            with _refusing():
                database = self._open_database(config)
        try:
            with _refusing():
                new_budgets = budgets(config, database.value, self._results, classifiers[0].model)
            if config.source != self.config.source:
                self._exchange_source(config.source)
        except BaseException:
            if not same_database:
                database.close()
            raise
        steps, goes_on = self._steps, self._is_same_vote(config, classifiers[0].model)
        self._hurry.set()  # perhaps it is to get away from a full disk
        try:
            if not goes_on:
                steps.finish(self.tally)
            self._write_seen()
            self._patience(lambda: self._database.value.end_run("reloaded"))
        finally:
            self._hurry.clear()
        if not same_database:
            self._database.close()
            self._is_misplaced = False
        self._close_ahead()
        self.config, self._database, self._budgets = config, database, new_budgets
        self._take_up(classifiers)
        self._steps = self._new_steps()
        if goes_on:
            self._steps.take_over_vote(steps)
        self._run_is_open = False  # begun before the next frame: that may have to wait, and the reload is done

    def _is_same_vote(self, config: Config, model: "ModelFile") -> bool:
        """Whether the frames that were counted can be counted together with those that come."""
        before = self.config
        return (config.source, config.vote, model.sha256) == (before.source, before.vote, self._model.sha256)

    def _exchange_source(self, settings: AnySource) -> None:
        """Close the old source, open the new one; if that fails the old one again, and if that fails the daemon ends."""
        self.tally.part_with(self._intake.value.source.status())
        self._again = []  # the new source finds what is still there
        self._intake.close()
        try:
            with _refusing():
                self._intake = Opened(intake(settings, self._requests))
        except _Refused:
            self._intake = Opened(intake(self.config.source, self._requests))
            before, self._steps = self._steps, self._new_steps()  # which acknowledge to the source that is open
            if not is_replayed(self.config.source):
                self._steps.take_over_vote(before)
            raise

    def _begin_run(self) -> None:
        begin_run(
            self._database.value,
            self._model,
            device=self.config.device,
            source=self._intake.value.source.name,
            config=self.config.model_dump(mode="json"),
        )

    def _ready(self, what: str) -> None:
        model, source = self._model, self._intake.value.source
        self.tally.source = source.status()
        log.info("%s: %s, %d golden examples right, %s", what, model.name, len(model.golden), source.name)
        self._notifier.send(READY=1, STATUS=f"{what}: {self.tally}")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (EdgeclsError, OSError) as error:
        raise _Refused(str(error)) from error
