"""The standard streams, some of which may be closed when edgecls starts (`edgecls query >&-`)."""

import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Open the null device in place of closed standard streams, before a file gets one of their descriptors.

    Otherwise the output of a library could go into the database. Reading and writing still fail, since the device is
    opened in the opposite direction (as gnulib's `stdopen` does); only stderr accepts output, because a missing reader
    of messages is not an error.
    """
    for number, name, flags in ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_RDWR)):
        if getattr(sys, name) is None:
            if not _is_open(number):
                null = os.open(os.devnull, flags)
                if null != number:
                    os.dup2(null, number)
                    os.close(null)
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def discard_unwritten(stream: TextIO) -> None:
    """Discard what could not be written to `stream`; otherwise Python would try again at exit, and fail."""
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
