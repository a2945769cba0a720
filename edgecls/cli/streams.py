"""The three standard streams, of which whoever starts us may have closed some (`edgecls query >&-`)."""

import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Put the null device where a standard stream is closed, before a file of ours gets its number.

    Else what some library prints would go into the database. What is read or written there fails, as it would have: the
    device is opened for the other way round (so does gnulib's `stdopen`). Only stderr takes what it is given: that nobody
    hears us is no error.
    """
    for number, name, flags in ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_RDWR)):
        if getattr(sys, name) is None:
            if not _is_open(number):
                null = os.open(os.devnull, flags)
                if null != number:
                    os.dup2(null, number)
                    os.close(null)
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as we
            setattr(sys, name, stream)


def discard_unwritten(stream: TextIO) -> None:
    """Let `stream` forget what could not be written: at its end Python would try again, and fail."""
    try:
        stream.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
