"""Keras's cache of downloaded weights. Keras itself is not imported, so that listing backbones stays fast."""

import os
from pathlib import Path


def weights_folder() -> Path:
    """Return `models` in KERAS_HOME, or in ~/.keras."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return Path(home) / "models"


def find_weights(name: str) -> Path | None:
    """Return the cached file of this name, if there is one.

    Keras ignores a cache that it may not write to and downloads again; a read-only cache that an administrator has filled
    is used here.
    """
    path = weights_folder() / name
    return path if path.is_file() else None
