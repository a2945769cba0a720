"""Where Keras keeps the weights that it has downloaded. Keras itself is not imported: a listing asks this too."""

import os
from pathlib import Path


def weights_folder() -> Path:
    """`models` in KERAS_HOME, or in ~/.keras."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return Path(home) / "models"


def find_weights(name: str) -> Path | None:
    """The cached file of this name, if there is one.

    Keras looks for none in a folder that it may not write to, and downloads again; a cache that an administrator has
    filled for everyone is of use all the same.
    """
    path = weights_folder() / name
    return path if path.is_file() else None
