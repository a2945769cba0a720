"""Data sets written into a test's folder, and the path of the real ones."""

import zlib

import numpy as np
from paths import SHARED_DATA
from pictures import COLOURS, encode, noise

DATA = SHARED_DATA
"""Real photographs beside the repository, too many to be part of it."""


def write_folder(root, counts):
    """Write a folder for each class with `counts` images; a class called red has reddish images, and so on."""
    for label, count in counts.items():
        folder = root / label
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number:02}.png").write_bytes(image(label, number))
    return root


def image(label, seed=0, width=48, height=40):
    """Return an encoded image with the tint of `label`, different for every seed and every label that is no colour."""
    tint = np.array(COLOURS.get(label, (128, 128, 128)))
    chance = seed if label in COLOURS else [seed, zlib.crc32(label.encode())]
    return encode((0.6 * tint + 0.4 * noise(width, height, chance)).astype(np.uint8))


def write_csv(path, header, *rows):
    path.write_text("\n".join([header, *rows, ""]), "utf-8")
    return path
