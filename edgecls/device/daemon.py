"""The daemon: open the parts, process frames, reload on request, close the parts in reverse."""

import logging
from collections.abc import Callable

from edgecls.database.retry import GaveUp
from edgecls.device.assembly import Assembly, Callbacks
from edgecls.device.configuration.config import Config
from edgecls.device.configuration.source_settings import LiveSettings, VideoSettings
from edgecls.device.frame_counts import FrameCounts
from edgecls.device.parts import load_classifiers
from edgecls.device.signals import Requests
from edgecls.device.startup_check import check_reload, check_source
from edgecls.device.systemd_notify import Heartbeat, Notifier
from edgecls.errors import EdgeclsError, FileReplaced

log = logging.getLogger(__name__)


class StoppedEarly(Exception):
    """A stop was requested before everything was open; there is nothing to finish."""


class Daemon:
    """Classify the frames of a source until it ends, or a stop is requested.

    A context manager: inside, everything is open. `read_config` is called at the start and at each reload, `on_step`
    after every step of the loop. Raises the errors of the parts.
    """

    def __init__(
        self,
        read_config: Callable[[], Config],
        requests: Requests,
        *,
        notifier: Notifier | None = None,
        watchdog: float | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        """`watchdog`: seconds after which systemd restarts a daemon that sends no ping; None if it does not watch."""
        self.counts = FrameCounts()
        self._read_config, self._requests, self._after_step = read_config, requests, on_step
        self._notifier = notifier or Notifier(None)
        self._heartbeat = Heartbeat(self._notifier, watchdog)

    def __enter__(self) -> "Daemon":
        """Open everything, then report READY=1: the model has passed its self-test, and the source is open.

        Waits while the database is unavailable. Raises StoppedEarly if a stop is requested meanwhile.
        """
        config = self._read_config()
        classifiers = load_classifiers(config)
        if not isinstance(config.source, LiveSettings):
            check_source(config.source)  # before a database is created
        callbacks = Callbacks(on_step=self._on_step, on_wait=self._on_wait, on_check=self._on_check)
        try:
            self._parts = Assembly(config, classifiers, self._requests, self.counts, callbacks)
        except GaveUp as error:
            raise StoppedEarly from error
        self._report_ready("ready")
        return self

    def __exit__(self, *_: object) -> None:
        """Close the parts in reverse."""
        self._parts.close()

    def run(self) -> None:
        """Process frames until the source ends or a stop is requested."""
        try:
            while self._process_frames():
                if self._requests.reload.is_set():
                    self._reload()
        except GaveUp:  # a stop was requested while no database was open: there is no run to end
            self._log_stopped("signal")
        else:
            self._finish()

    def _process_frames(self) -> bool:
        """Process frames until there is a request, or the database must be reopened; return whether to go on."""
        try:
            self._parts.begin_run()
            self._parts.pipeline.process_frames()
        except GaveUp:
            pass  # there is a request, and the database is unavailable
        except FileReplaced:
            if self._requests.stop.is_set():
                return False
            self._parts.reopen_database()
            log.warning("%s was reopened", self._parts.config.database)
            return True
        return self._requests.reload.is_set() and not self._requests.stop.is_set()

    def _reload(self) -> None:
        """Go on with the configuration and the model that are there now; if they are wrong, with the current ones."""
        self._requests.begin_reload()
        self._notifier.reloading()
        try:
            config = self._read_config()
            classifiers = check_reload(config, self._parts.config)
        except (EdgeclsError, OSError) as error:
            log.error("reload failed, keeping the current configuration: %s", error)  # noqa: TRY400  # no traceback
            self._notifier.send(READY=1, STATUS=str(self.counts))
        else:
            self._parts.switch(config, classifiers)
            self._report_ready("reloaded")
        self._requests.end_reload()

    def _finish(self) -> None:
        self._notifier.send(STOPPING=1, STATUS=f"stopping: {self.counts}")
        is_video, is_stopped = isinstance(self._parts.config.source, VideoSettings), self._requests.stop.is_set()
        reason = "signal" if is_stopped else "end of the video" if is_video else "idle"
        # The next run decides the votes of a video that was stopped: it sees the same frames again.
        self._parts.end_run(reason, closes_vote=not (is_video and is_stopped))
        self._log_stopped(reason)

    def _log_stopped(self, reason: str) -> None:
        log.info("stopped (%s): %d rows written", reason, self.counts.rows)

    def _on_step(self) -> None:
        self._parts.update_counts()
        self._heartbeat.beat(self.counts)
        self._after_step()

    def _on_wait(self) -> None:
        reason = "it is locked by another process, or the disk is full"
        self._heartbeat.extend_timeout(f"waiting for the database: {reason}; {self.counts}")
        self._after_step()

    def _on_check(self) -> None:
        self._heartbeat.extend_timeout("checking the database")

    def _report_ready(self, event: str) -> None:
        parts = self._parts
        parts.update_counts()
        examples = f"self-test passed ({len(parts.model.golden)} golden examples)"
        log.info("%s: %s, %s, %s", event, parts.model.name, examples, parts.source_name)
        self._notifier.send(READY=1, STATUS=f"{event}: {self.counts}")
