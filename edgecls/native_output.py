"""What compiled libraries print on stderr past Python, kept away from the user unless something failed."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator

_redirecting = threading.Lock()


@contextlib.contextmanager
def captured_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 within the block; let it out only if the block raises.

    TensorFlow and LiteRT report passes and delegates there whatever the log level. The descriptor is the whole
    process's: one block at a time, and what other threads write meanwhile is held back too. So this is for short
    moments: a start-up, a conversion.
    """
    # In memory: the disk may be full or read-only.
    with _redirecting, open(os.memfd_create("stderr"), "w+b") as log:
        saved = os.dup(2)
        try:
            os.dup2(log.fileno(), 2)
            yield
        except BaseException:
            os.dup2(saved, 2)
            log.seek(0)
            os.write(2, log.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextlib.contextmanager
def remarks(of: re.Pattern[bytes]) -> Iterator[list[str]]:
    """Collect, instead of printing, the lines that a library writes to file descriptor 2 within the block.

    Those that match `of`; other threads' lines, and what nobody knows, go where they would have gone, at the end of the
    block. One block at a time in a process, as above. Costs 0.01 ms.
    """
    found: list[str] = []
    with _redirecting:
        try:
            printed = os.dup(2)
        except OSError:  # there is no stderr, so nothing bothers anyone
            yield found
            return
        held = os.memfd_create("stderr")
        try:
            os.dup2(held, 2)
            try:
                yield found
            finally:
                os.dup2(printed, 2)
                if size := os.fstat(held).st_size:
                    for line in os.pread(held, size, 0).splitlines(keepends=True):
                        if of.match(line):
                            found.append(line.decode("utf-8", "replace").strip())
                        else:
                            os.write(2, line)
        finally:
            os.close(held)
            os.close(printed)


@contextlib.contextmanager
def heard_stderr() -> Iterator[None]:
    """For a last word: wait until nothing is held back, and keep it so within the block.

    An interrupted thread pool may leave a thread behind that is still opening a model. It is not waited for longer than
    10 s: a word that is lost is better than a program that does not end.
    """
    free = _redirecting.acquire(timeout=10)
    try:
        yield
    finally:
        if free:
            _redirecting.release()
