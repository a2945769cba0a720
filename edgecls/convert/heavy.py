"""TensorFlow, imported quietly and only where it is needed: 4 seconds and 620 MB."""

import os

from edgecls.errors import MissingExtra
from edgecls.native_output import captured_stderr


def load_tensorflow() -> None:
    """Import TensorFlow and Keras (for TensorFlow). Raises MissingExtra where they are not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with captured_stderr():  # it looks for graphics cards, and says so
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None
