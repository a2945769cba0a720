"""Import TensorFlow quietly, and only where it is needed: it takes 4 seconds and 620 MB."""

import contextlib
import os
from importlib.util import find_spec

from edgecls.errors import MissingExtra
from edgecls.images.native_output import captured_stderr

_PACKAGES = ("tensorflow", "keras", "sklearn", "imagehash", "matplotlib", "jinja2")


def check_installed() -> None:
    """Raise MissingExtra for a package that is not installed; nothing is imported."""
    for package in _PACKAGES:
        spec = None
        with contextlib.suppress(ModuleNotFoundError):  # raised by import hooks
            spec = find_spec(package)
        if not spec:
            raise _missing(package)


def load_tensorflow() -> None:
    """Import TensorFlow and Keras. Raises MissingExtra where they are not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # TensorFlow contains an SQLite without FTS5, to which Python's module would be bound if it were imported later: a program
    # that converts and then opens a results database could not search it.
    import sqlite3  # noqa: F401

    try:
        with captured_stderr():  # it reports its search for graphics cards
            import keras  # noqa: F401
            import tensorflow
    except ModuleNotFoundError as error:
        raise _missing(error.name) from None
    tensorflow.get_logger().setLevel(
        "ERROR"
    )  # it warns of each function that it traces once more, as a search has it do


def _missing(package: str | None) -> MissingExtra:
    return MissingExtra(f"{package} is not installed: pip install 'edgecls[convert]'")
