"""edgecls: fine-tune, quantize and run an image classifier on a small computer; every result in SQLite.

What the commands do, a program can do too:

    from edgecls import Classifier, convert, open_results

Nothing heavy is imported before it is used.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from edgecls.convert.pipeline import convert
    from edgecls.device.classifier import Classifier
    from edgecls.results.queries import open_results

__all__ = ["Classifier", "__version__", "convert", "open_results"]

_HOMES = {
    "Classifier": "edgecls.device.classifier",
    "convert": "edgecls.convert",
    "open_results": "edgecls.results.queries",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecls' has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES[name])
    return home if name == "convert" else getattr(home, name)  # a package that can be called
