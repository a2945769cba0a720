"""Frames of a source."""

from contextlib import suppress

from edgecls.device.sources import EndOfSource


def delivered(source, stop):
    """Yield the frames of an open source until it ends or `stop` is set."""
    with suppress(EndOfSource):
        while not stop.is_set():
            if (frame := source.next_frame()) is not None:
                yield frame
