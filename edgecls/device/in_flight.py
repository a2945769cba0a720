"""Record the frames that are being classified, so that one that ends the process is not tried for ever.

An image may end the process that decodes it: it is too large for the memory, or crashes a decoder. After each restart it
would be the first one again, and no other would ever be classified.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecls import system
from edgecls.records import Classification, Frame

if TYPE_CHECKING:
    from edgecls.inference.classifier import Classifier

log = logging.getLogger(__name__)

MOST = 2
"""A frame that was being classified when the process ended this often is not tried again."""
_REMEMBERED = 1000  # frames at most, the newest
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class FramesInFlight:
    """Note in the file at `path` which frames are being classified, and count how often each was when the process died.

    A frame with a count is classified alone, so that it is certain what ends the process again. The file is not flushed: it
    is in the memory of the kernel when the process is killed, and a power cut says nothing about an image; frames in flight
    at another boot do not count. It is opened with the first frame, and removed by `close` if it is empty: a frame that is
    not tried again stays noted, since its row may be lost when the process dies again. Thread-safe.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._is_open = False
        self._length = 0
        self._now: list[str] = []
        self._ended: dict[str, int] = {}  # by frame: how often the process has ended while it was being classified
        self._alone = False
        self._waiting = 0  # for being alone
        self._running = 0
        self._changed = threading.Condition()
        self._boot_id = _boot_id()

    def classify(self, classifier: "Classifier", frame: Frame) -> Classification:
        """Classify the frame, unless that has ended the process too often: then return an error."""
        name = f"{frame.source}|{frame.key}"
        with self._place(name) as ended:
            if ended >= MOST:
                reason = f"has ended edgecls {ended} times while it was being classified: it is not tried again"
                frame = replace(frame, image=None, error=reason)
            return classifier.classify(frame)

    @contextmanager
    def _place(self, name: str) -> Iterator[int]:
        """Note the frame; yields how often it has ended the process. One that raises an error ends the process too."""
        with self._changed:
            self._open()
            ended = self._ended.get(name, 0)
            if ended:
                self._waiting += 1
                self._changed.wait_for(lambda: not self._running)
                self._waiting -= 1
                self._alone = True
            else:
                self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._running += 1
            self._now.append(name)
            self._write()
        came_back = True
        try:
            yield ended
        except Exception:
            came_back = False
            raise
        finally:
            with self._changed:
                self._running -= 1
                self._alone = False
                if came_back:
                    self._now.remove(name)
                    if ended < MOST:
                        self._ended.pop(name, None)
                    self._write()
                self._changed.notify_all()

    def _open(self) -> None:
        """Open the file, and count what was in flight when the process before ended."""
        if self._is_open:
            return
        self._is_open = True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | system.O_CLOEXEC, 0o644)
        except OSError as error:
            log.warning(
                "cannot write %s (%s): an image that ends edgecls would end it again", self._path, error.strerror
            )
            return
        try:
            system.lock(file)
        except BlockingIOError:  # another process uses it, on the same database: that one notes its frames
            os.close(file)
            return
        except OSError:  # no such locks on this file system
            pass
        self._file = file
        data = system.read_at(file, os.fstat(file).st_size, 0)
        self._length = len(data)
        before = _parsed(data)
        self._ended = before.get("ended", {})
        if before.get("boot") == self._boot_id:
            for name in before.get("now", []):
                self._ended[name] = self._ended.get(name, 0) + 1
        self._ended = dict(list(self._ended.items())[-_REMEMBERED:])
        self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        data = json.dumps({"boot": self._boot_id, "ended": self._ended, "now": self._now}).encode()
        self._length = max(self._length, len(data))
        with suppress(OSError):  # a full disk: there is nothing better to be done
            system.write_at(self._file, data.ljust(self._length), 0)

    def close(self) -> None:
        """Close the file; a second call does nothing. A later frame opens it again."""
        with self._changed:
            file, self._file, self._is_open = self._file, None, False
            if file is None:
                return
            with suppress(OSError):
                if not self._now and not self._ended:
                    os.unlink(self._path)
            os.close(file)


def in_flight_file(database: Path) -> Path:
    """Return where the frames in flight are noted whose rows go to `database`."""
    real = Path(os.path.realpath(database))
    return real.with_name(f"{real.name}.in-flight")


def _parsed(data: bytes) -> dict[str, Any]:
    """Return what was noted; nothing where the file is damaged, as after a power cut."""
    try:
        noted = json.loads(data)
        assert all(isinstance(count, int) for count in noted["ended"].values())
        assert all(isinstance(name, str) for name in noted["now"])
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError):
        return {}
    return dict(noted)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
