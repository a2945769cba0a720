"""The model that comes with edgecls."""

from pathlib import Path

from edgecls.errors import InputNotFound

NAME = "efficientnet-lite0-imagenet-int8.tflite"


def default_model() -> Path:
    """ImageNet's 1000 classes, int8: in the wheel in edgecls/models/, in a source tree in models/. Raises InputNotFound."""
    package = Path(__file__).parents[1]
    for folder in (package / "models", package.parent / "models"):
        if (folder / NAME).is_file():
            return folder / NAME
    raise InputNotFound("this installation has no default model: name one with -m MODEL")
