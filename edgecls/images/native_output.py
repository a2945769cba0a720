"""Keep what native libraries print away from the terminal.

libpng, libtiff, TensorFlow and LiteRT write to file descriptor 2, past Python. The process has one of these, so what
other threads write there meanwhile is held back too, and passed on.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterator

from edgecls import system

_DECODER_LINE = re.compile(
    rb"Corrupt JPEG|Premature end of JPEG|Invalid SOS|Inconsistent progression|Unknown Adobe|Warning: unknown JFIF"
    rb"|libpng |imdecode_\(|OpenCV TIFF|TIFF\w*: |> |\r?\n"
)
"""The lines that libjpeg, libpng and libtiff write whatever the log level; OpenCV up to 4.8 adds lines of its own."""


class _Stderr:
    """File descriptor 2, redirected into a file in memory while one block or more is active."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._blocks = 0
        self._captures: list[list[bytes]] = []
        self._file = self._original = -1
        self._position = 0

    def enter(self, capture: list[bytes] | None = None) -> None:
        """Redirect, and collect all lines into `capture`, if there is one, until it leaves."""
        with self._lock:
            if not self._blocks:
                self._redirect()
            else:
                self._pass_on()
            self._blocks += 1
            if capture is not None:
                self._captures.append(capture)

    def leave(self, capture: list[bytes] | None = None) -> None:
        """Pass on what was written meanwhile, and end the redirection with the last block."""
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self.restore()
            self._pass_on()
            if capture is not None:
                self._captures = [each for each in self._captures if each is not capture]
            if not self._blocks and self._file >= 0:
                os.close(self._file)
                os.close(self._original)
                self._file = self._original = -1

    def restore(self) -> None:
        """Point the descriptor to where it pointed before."""
        with self._lock:
            if self._original >= 0:
                os.dup2(self._original, 2)

    def write(self, text: bytes) -> None:
        """Write past the redirection. Like logging, ignore a full disk and a reader that is gone."""
        with self._lock, contextlib.suppress(OSError):
            os.write(self._original if self._original >= 0 else 2, text)

    def _redirect(self) -> None:
        try:
            self._original = os.dup(2)
        except OSError:  # the process has no stderr
            return
        self._file, self._position = system.anonymous_file(), 0
        os.dup2(self._file, 2)

    def _pass_on(self) -> None:
        if self._file < 0:
            return
        size = os.fstat(self._file).st_size
        text = system.read_at(self._file, size - self._position, self._position)
        self._position += len(text)
        for line in text.splitlines(keepends=True):
            if self._captures:
                self._captures[-1].append(line)
            elif not _DECODER_LINE.match(line):
                self.write(line)


_stderr = _Stderr()


@contextlib.contextmanager
def hide_decoder_messages() -> Iterator[None]:
    """Drop what image libraries print within the block. Costs 0.01 ms; many threads may be in it at once.

    Lines of others are written a little later: as soon as any of these blocks begins or ends.
    """
    _stderr.enter()
    try:
        yield
    finally:
        _stderr.leave()


@contextlib.contextmanager
def captured_stderr() -> Iterator[None]:
    """Hold back all that is written to file descriptor 2 within the block; write it only if the block raises.

    TensorFlow and LiteRT print passes and delegates whatever the log level. Lines of other threads are held back too,
    so this is for short moments: a start-up, a conversion.
    """
    lines: list[bytes] = []
    _stderr.enter(lines)
    failed = True
    try:
        yield
        failed = False
    finally:
        _stderr.leave(lines)
        if failed:
            _stderr.write(b"".join(lines))


def restore_stderr() -> None:
    """End any redirection: for the last message of a program, in which an interrupted thread may still open a model."""
    _stderr.restore()
