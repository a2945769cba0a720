"""Read PyTorch's checkpoint format from before version 1.6, without PyTorch.

Such a file is five pickles (a magic number, the protocol, the writer's type sizes, the state dict, the order of the
storages), followed by the storages: each an int64 count and that many raw values. Only a few classes are allowed in the
pickles, because a pickle may otherwise run any code.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}

_MALFORMED = (
    pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError,
)  # fmt: skip
"""The errors that pickle and the unpacking of its result raise for malformed bytes."""

Tensor = tuple[str, int, tuple[int, ...], tuple[int, ...]]
"""(storage, offset, shape, strides), the last three in elements: a tensor as the pickle describes it."""


class _Unpickler(pickle.Unpickler):
    """An unpickler that accepts ordered dicts, tensors and storages, and refuses every other class."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.dtypes: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weights file")

    def persistent_load(self, pid: Any) -> str:
        _, storage_type, key, *_ = pid
        self.dtypes[key] = _DTYPES[storage_type]
        return str(key)


def read_pytorch_weights(path: Path) -> dict[str, NDArray[Any]]:
    """Return name -> array, in PyTorch's shapes: the kernel of a convolution is (out, in, height, width).

    Raises BadData where the file has another format, is damaged, or contains more than tensors.
    """
    try:
        with path.open("rb") as file:
            if (_load(file), _load(file)) != (_MAGIC, _PROTOCOL):
                raise BadData(f"{path} is not a PyTorch checkpoint of the format before version 1.6")
            _load(file)
            unpickler = _Unpickler(file)
            tensors: dict[str, Tensor] = unpickler.load()
            storages = {key: _storage(file, unpickler.dtypes[key]) for key in _load(file)}
        return {name: _view(storages, tensor) for name, tensor in tensors.items()}
    except _MALFORMED as error:
        raise BadData(f"{path} cannot be read as PyTorch weights: {error}") from error


def _load(file: IO[bytes]) -> Any:
    return _Unpickler(file).load()


def _storage(file: IO[bytes], dtype: str) -> NDArray[Any]:
    (count,) = np.frombuffer(file.read(8), "<i8")
    values = np.frombuffer(file.read(int(count) * np.dtype(dtype).itemsize), dtype)
    if len(values) != count:
        raise EOFError("the file ends too early: download it again")
    return values


def _view(storages: dict[str, NDArray[Any]], tensor: Tensor) -> NDArray[Any]:
    key, offset, shape, strides = tensor
    values = storages[key]
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or (0 not in shape and last >= len(values)):
        raise ValueError("a tensor reaches outside its storage")
    steps = tuple(s * values.itemsize for s in strides)
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)
