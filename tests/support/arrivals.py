"""Files that arrive in a folder, and the names of the frames that come of them."""

import os
import threading
import time
from contextlib import contextmanager

from delivered import delivered
from pictures import picture

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources import open_source


def put(path, colour="red", *, age=3600.0):
    """An image that was written `age` seconds ago; it appears whole, under its name."""
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
    """Frames as they come, collected by a thread as the daemon would take them: (the list, the source, the stop event)."""
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
    """Settings with which tests need not wait: a tenth of a second until a file counts as whole, and between two looks."""
    return FolderSettings(**{"path": inbox, "settle_seconds": 0.1, "poll_seconds": 0.1, **changes})


@contextmanager
def watching(inbox, seen=None, **changes):
    """The same with these settings: (the list, the source)."""
    with watched(impatient(inbox, **changes), seen) as (taken, source, _):
        yield taken, source
