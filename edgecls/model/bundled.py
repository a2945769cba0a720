"""The model that comes with edgecls."""

from pathlib import Path

from edgecls.errors import InputNotFound

NAME = "efficientnet-lite0-imagenet-int8.tflite"


def default_model() -> Path:
    """Return the path of the model of ImageNet's 1000 classes, int8.

    It is in edgecls/models/ in a wheel, in models/ in a source tree. Raises InputNotFound if it is in neither.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "models", package.parent / "models"):
        if (folder / NAME).is_file():
            return folder / NAME
    raise InputNotFound("this installation has no default model: name one with -m MODEL")
