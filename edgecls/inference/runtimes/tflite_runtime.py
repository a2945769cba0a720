"""tflite-runtime: for machines without a LiteRT wheel (32-bit Raspberry Pi OS)."""

from pathlib import Path
from typing import Any


def open_interpreter(model: Path, threads: int, *, reference_kernels: bool) -> Any:
    """Open an interpreter over the memory-mapped file. Raises ValueError if it is not a model."""
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference_kernels else OpResolverType.AUTO
    return Interpreter(str(model), num_threads=threads, experimental_op_resolver_type=resolver)
