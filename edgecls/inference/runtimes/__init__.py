"""The runtimes that run the network: one small module for each, imported only if it is used.

To add a runtime, write a module with `open_interpreter` and add a line to `RUNTIMES`.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from edgecls.inference.runtimes.interpreter import Runtime
    from edgecls.model.image_metadata import Normalization

RUNTIMES = {
    "litert": ("ai_edge_litert", "edgecls.inference.runtimes.litert"),
    "tflite-runtime": ("tflite_runtime", "edgecls.inference.runtimes.tflite_runtime"),
}
"""name -> (the package it needs, our module); the first that is installed is the default. On an x86-64 machine LiteRT
runs int8 EfficientNet-Lite0 in 12 ms with one thread, tflite-runtime 2.14 in 104 ms."""


def open_runtime(
    model: Path,
    *,
    name: str | None = None,
    threads: int,
    reference_kernels: bool = False,
    normalization: "Normalization | None" = None,
    size: tuple[int, int] | None = None,
) -> "Runtime":
    """Open a model in the runtime `name`, else that of EDGECLS_RUNTIME, else the first that is installed.

    `reference_kernels` are slow and plain: integer models give the same outputs with them on every machine.
    `normalization` and `size` (width, height) are for networks of other tools, see `TFLiteRuntime`.
    Raises UsageError (no such runtime), MissingExtra (not installed) and BadModel.
    """
    name = name or os.environ.get("EDGECLS_RUNTIME") or None
    if name is not None and name not in RUNTIMES:
        raise UsageError(f"no runtime is called {name!r}: choose from {', '.join(RUNTIMES)}")
    wanted = [name] if name else list(RUNTIMES)
    for candidate in wanted:
        package, module = RUNTIMES[candidate]
        if find_spec(package):
            from edgecls.inference.runtimes.interpreter import (
                TFLiteRuntime,
            )  # not before: `RUNTIMES` is read without numpy

            interpreter = import_module(module).open_interpreter
            return TFLiteRuntime(
                candidate,
                interpreter,
                model,
                threads,
                reference_kernels=reference_kernels,
                normalization=normalization,
                size=size,
            )
    packages = [RUNTIMES[candidate][0].replace("_", "-") for candidate in wanted]
    raise MissingExtra(f"{' or '.join(wanted)} is not installed: pip install {' or '.join(packages)}")
