"""A labelled image set in, one model file out: `convert`. Only this package knows TensorFlow and Keras.

The steps, in order, are `edgecls.training.pipeline`.

    >>> from edgecls import convert
    >>> convert("photos", "model.tflite").evaluation.accuracy           # doctest: +SKIP
    0.87
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecls.training.pipeline import convert

__all__ = ["convert"]


def __getattr__(name: str) -> Any:
    """Import `convert` when it is first used: what it needs takes a second to import, and may not be installed."""
    if name != "convert":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edgecls.training.heavy import check_installed

    check_installed()
    from edgecls.training.pipeline import convert

    return convert
