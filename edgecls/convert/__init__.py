"""The workstation wing: a labelled image set in, one model file out. It alone knows TensorFlow and Keras.

The steps, in order, are `edgecls.convert.pipeline`. The package itself can be called, so that
`from edgecls import convert` gives the function that one expects:

    >>> convert("photos", "model.tflite").evaluation.accuracy           # doctest: +SKIP
    0.87
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecls.convert.conversion import Conversion


class _Callable(ModuleType):
    """A package and a function cannot both be `edgecls.convert`; a package that can be called is both."""

    def __call__(self, *arguments: Any, **options: Any) -> "Conversion":
        """See `edgecls.convert.pipeline.convert`."""
        from edgecls.convert.heavy import check_installed

        check_installed()
        from edgecls.convert.pipeline import convert

        return convert(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
