"""What compiled libraries print on stderr past Python, kept away from the user unless something failed.

They write to file descriptor 2, of which the process has one: who holds back what is written there holds back what
other threads write too. So a block is alone with it, or it is one of those that only overhear, and share it.
"""

import contextlib
import fcntl
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


class _HeldBack:
    """Descriptor 2, redirected into memory until `restore`: the disk may be full or read-only."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("stderr")
        # Two threads may write over each other: Linux guards where a descriptor stands only in files that were opened
        # by name. Where a file ends it guards in all.
        fcntl.fcntl(self._memory, fcntl.F_SETFL, os.O_APPEND)
        try:
            self._printed = os.dup(2)
        except OSError:
            os.close(self._memory)
            raise
        self._read = 0
        os.dup2(self._memory, 2)

    def restore(self) -> None:
        os.dup2(self._printed, 2)

    def lines(self) -> list[bytes]:
        """What was written since this was last asked."""
        size = os.fstat(self._memory).st_size
        new = os.pread(self._memory, size - self._read, self._read)
        self._read += len(new)
        return new.splitlines(keepends=True)

    def let_out(self, text: bytes) -> None:
        """As logging does: a stderr on a full disk, or that nobody reads, ends nothing."""
        with contextlib.suppress(OSError):
            os.write(self._printed, text)

    def close(self) -> None:
        os.close(self._memory)
        os.close(self._printed)


@dataclass(eq=False)
class Overheard:
    """What a block overheard: the lines that match `of`, and whether no other block listened at the same time."""

    of: re.Pattern[bytes]
    lines: list[str] = field(default_factory=list)
    alone: bool = True


class _Descriptor2:
    """Whose turn it is: one block alone, or those that overhear. None joins these while another waits to be alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alone = False
        self._waiting = 0
        self._listeners: list[Overheard] = []
        self._held: _HeldBack | None = None

    @contextlib.contextmanager
    def alone(self, timeout: float | None = None) -> Iterator[None]:
        """Keep all others away within the block; not where that would take longer than `timeout` seconds."""
        with self._changed:
            self._waiting += 1
            try:
                granted = self._changed.wait_for(lambda: not (self._alone or self._listeners), timeout)
                self._alone = self._alone or granted
            finally:  # also where Ctrl-C ends the wait
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            if granted:
                with self._changed:
                    self._alone = False
                    self._changed.notify_all()

    def join(self, listener: Overheard) -> None:
        """Listen, when it is the turn of those that share."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._alone or self._waiting))
            self.listen(listener)

    def listen(self, listener: Overheard) -> None:
        """Listen at once: for a block that is alone."""
        with self._changed:
            self._hand_out()
            if not self._listeners:
                with contextlib.suppress(OSError):  # there is no stderr, so nothing is to be heard
                    self._held = _HeldBack()
            self._listeners.append(listener)
            if len(self._listeners) > 1:
                for each in self._listeners:
                    each.alone = False

    def leave(self, listener: Overheard) -> None:
        """Listen no longer."""
        with self._changed:
            held, last = self._held, len(self._listeners) == 1
            if held and last:
                held.restore()
            try:
                self._hand_out()
            finally:
                self._listeners.remove(listener)
                if held and last:
                    held.close()
                    self._held = None
                self._changed.notify_all()

    def _hand_out(self) -> None:
        """To each listener the lines that are for it; what is for none goes where it would have gone."""
        for line in self._held.lines() if self._held else ():
            listeners = [each for each in self._listeners if each.of.match(line)]
            for each in listeners:
                each.lines.append(_text(line))
            if self._held and not listeners:
                self._held.let_out(line)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()


_descriptor2 = _Descriptor2()


@contextlib.contextmanager
def captured_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 within the block; let it out only if the block raises.

    TensorFlow and LiteRT report passes and delegates there whatever the log level. One block at a time, and what other
    threads write meanwhile is held back too. So this is for short moments: a start-up, a conversion.
    """
    with _descriptor2.alone():
        held = _HeldBack()
        try:
            yield
        except BaseException:
            held.restore()
            for line in held.lines():
                held.let_out(line)
            raise
        finally:
            held.restore()
            held.close()


@contextlib.contextmanager
def remarks(of: re.Pattern[bytes]) -> Iterator[list[str]]:
    """Collect, instead of printing, the lines that a library writes to file descriptor 2 within the block.

    Those that match `of`; other threads' lines, and what nobody knows, go where they would have gone, at the end of the
    block. One block at a time in a process, as above. Costs 0.01 ms.
    """
    listener = Overheard(of)
    with _descriptor2.alone():
        _descriptor2.listen(listener)
        try:
            yield listener.lines
        finally:
            _descriptor2.leave(listener)


@contextlib.contextmanager
def overheard(of: re.Pattern[bytes]) -> Iterator[Overheard]:
    """As `remarks`, for many blocks at once: each hears all that is written within it, by whomever."""
    listener = Overheard(of)
    _descriptor2.join(listener)
    try:
        yield listener
    finally:
        _descriptor2.leave(listener)


@contextlib.contextmanager
def heard_stderr() -> Iterator[None]:
    """For a last word: wait until nothing is held back, and keep it so within the block.

    An interrupted thread pool may leave a thread behind that is still opening a model. It is not waited for longer than
    10 s: a word that is lost is better than a program that does not end.
    """
    with _descriptor2.alone(timeout=10):
        yield
