"""Files that arrive in a folder, and the names of the frames that come of them."""

import os
import time

from pictures import picture


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
