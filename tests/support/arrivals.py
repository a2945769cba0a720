"""Files that arrive in a folder, and the names of their frames."""

import os
import threading
import time
from contextlib import contextmanager

from delivered import delivered
from pictures import picture

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources import open_source


def put(path, colour="red", *, age=3600.0):
    """Put an image that was written `age` seconds ago into a folder, complete under its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(".part")
    part.write_bytes(picture(colour))
    when = time.time() - age
    os.utime(part, (when, when))
    return part.rename(path)


def names(frames):
    return [os.path.basename(frame.path) for frame in frames]


@contextmanager
def watched(settings, seen=None):
    """Collect the frames of a source in a thread, as the daemon does: (the list, the source, the stop event)."""
    stop, taken = threading.Event(), []
    with open_source(settings, seen) as source:

        def take():
            for frame in delivered(source, stop):
                taken.append(frame)
                source.acknowledge(frame, failed=frame.error is not None)

        taker = threading.Thread(target=take)
        taker.start()
        try:
            yield taken, source, stop
        finally:
            stop.set()
            taker.join()


def impatient(inbox, **changes):
    """Return settings without long waits: files settle and scans repeat within a tenth of a second."""
    return FolderSettings(**{"path": inbox, "settle_seconds": 0.1, "poll_seconds": 0.1, **changes})


@contextmanager
def watching(inbox, seen=None, **changes):
    """Watch a folder with these settings: (the list, the source)."""
    with watched(impatient(inbox, **changes), seen) as (taken, source, _):
        yield taken, source
