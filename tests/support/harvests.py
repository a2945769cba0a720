"""A database with rows of real image files for harvests."""

import numpy as np
from example_rows import begin, frame
from pictures import encode, noise

from edgecls.images.frame_key import file_key
from edgecls.records import UNKNOWN, Prediction

LABELS = ("lynx", "puma", "tabby")


def write_image(folder, name, seed):
    """Write a picture that looks like no other, and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(noise(64, 48, seed)))
    return path


def row(path, label, score=0.9, second=0.05, *, guess=None, minutes=0, **changes):
    """Return a row of the image at `path`; `guess` is the best label of an unknown one."""
    others = [Prediction(guess or label, score), Prediction("other", second)]
    key = file_key(path.name, path.read_bytes()) if path.exists() else f"{path.name}#gone"
    return frame(key, minutes, label, score, path=str(path), top_k=tuple(others), **changes)


def fill(store, folder, count, seed=0):
    """Write `count` rows with LABELS in turn, every tenth unknown, with random margins."""
    begin(store, labels=list(LABELS))
    chance = np.random.default_rng(seed)
    for n in range(count):
        path = write_image(folder, f"{n:03}.png", seed=n)
        score = float(chance.uniform(0.5, 1))
        label = LABELS[n % 3]
        if n % 10 == 9:
            store.write(row(path, UNKNOWN, score, 1 - score, guess=label, minutes=n))
        else:
            store.write(row(path, label, score, 1 - score, minutes=n))
