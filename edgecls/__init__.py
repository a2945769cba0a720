"""edgecls: fine-tune, quantize and run an image classifier on a small computer; every result in SQLite.

What the commands do, a program can do too:

    from edgecls import Classifier, convert, open_results

Nothing heavy is imported before it is used.
"""

from typing import TYPE_CHECKING, Any

from edgecls.version import __version__

if TYPE_CHECKING:
    from edgecls.database.reading import open_results
    from edgecls.inference.classifier import Classifier
    from edgecls.training import convert

__all__ = ["Classifier", "__version__", "convert", "open_results"]

_MODULES = {
    "Classifier": "edgecls.inference.classifier",
    "convert": "edgecls.training",
    "open_results": "edgecls.database.reading",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'edgecls' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)
