"""Images and labels in one `.npz` file, as in Keras's `mnist.npz`: x_train, y_train, and optionally x_test, y_test."""

import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, from_os_error
from edgecls.images.depth import OVERSHOOT, SIXTEEN_BITS, common_white, greatest, scale_array

LAYOUT = (
    "x_train (numbers, n x height x width, with 1 or 3 channels or none), y_train (n), and optionally x_test, y_test"
)
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,  # also for pickled objects, which are not loaded since they may run any code
    EOFError,
    MemoryError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # encrypted
    SyntaxError,  # an array header that is not a literal
)


class Scale(NamedTuple):
    """The value that is white in arrays of `dtype`, such as 16 in float64; an empty dtype is any."""

    dtype: str
    white: int


class NpzRow(NamedTuple):
    """One image of the array `array` (`x_train` or `x_test`) in `file`; `scale` is its white, where that fits."""

    file: Path
    array: str
    number: int
    scale: Scale | None = None


class Arrays(NamedTuple):
    """The images, uint8 (n, height, width, 1 or 3), and the n labels of each array of images, by its name.

    `scale` is how the images were converted to uint8.
    """

    images: Mapping[str, NDArray[np.uint8]]
    labels: Mapping[str, list[str]]
    scale: Scale


def read_row(row: NpzRow) -> NDArray[np.uint8]:
    """Return RGB pixels, uint8 (height, width, 3), read-only; grey becomes three equal channels.

    The file is read once and stays in memory. Raises BadData, InputNotFound and IoFailed.
    """
    try:
        image = read_arrays(row.file, row.scale).images[row.array][row.number]
    except (KeyError, IndexError):
        raise BadData(f"{row.file} was changed while it was in use: start again") from None
    return image if image.shape[-1] == 3 else np.repeat(image, 3, axis=-1)


def read_arrays(path: Path, scale: Scale | None = None) -> Arrays:
    """Return the arrays of the file; the last file is cached. Raises BadData, InputNotFound and IoFailed.

    White is that of `scale` if the arrays have its dtype and no greater values, else the smallest of
    `depth.WHITES` that holds them.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size, scale)
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error


@lru_cache(maxsize=1)
def _read(path: Path, _modified: int, _size: int, like: Scale | None) -> Arrays:
    try:
        with path.open("rb") as opened, _archive(opened) as file:  # left to NumPy, a bad file would stay open
            arrays = {name: file[name] for part in ("train", "test") for name in _names(part) if name in file}
    except _UNREADABLE as error:
        raise BadData(f"{path} cannot be read as an .npz file ({_first_line(error)}): save it again") from error
    pictures, labels = {}, {}
    for part in ("train", "test"):
        x, y = _names(part)
        if part == "train" or x in arrays or y in arrays:
            for name in (x, y):
                if not isinstance(arrays.get(name), np.ndarray):
                    raise BadData(f"{path} has no array {name!r}: it must hold {LAYOUT}")
            pictures[x], labels[x] = _pictures(arrays[x], f"{path}: {x}"), _labels(arrays[y], f"{path}: {y}")
            if len(pictures[x]) != len(labels[x]):
                raise BadData(
                    f"{path}: {x} has {len(pictures[x])} images, {y} {len(labels[x])} labels: store one label per image"
                )
    scale = _scale(list(pictures.values()), like)
    return Arrays({x: _to_uint8(array, scale.white) for x, array in pictures.items()}, labels, scale)


def _names(part: str) -> tuple[str, str]:
    return f"x_{part}", f"y_{part}"


def _archive(opened: BinaryIO) -> Any:
    file = np.load(opened, allow_pickle=False)
    if isinstance(file, np.ndarray):
        raise ValueError("one array, an .npy file")  # noqa: TRY004  # about the file, not about an argument
    return file


def _pictures(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Return (n, height, width, 1 or 3), numbers from 0 to 65535."""
    if array.dtype.kind not in "buif":
        raise BadData(f"{what} is {array.dtype}, and must be numbers: store pixels from 0 to 255")
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in {1, 3} or 0 in array.shape[1:]:
        raise BadData(f"{what} has the shape {array.shape}: make it (n, height, width), with 1 or 3 channels last")
    least, most = (array.min().item(), array.max().item()) if array.size else (0, 0)
    lowest = -OVERSHOOT * most if array.dtype.kind == "f" else 0
    if not (lowest <= least and most <= greatest(array.dtype, SIXTEEN_BITS)):  # also true for NaN
        raise BadData(f"{what} has values from {least:g} to {most:g}: store pixels from 0, which is black, to 255")
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def _scale(arrays: list[NDArray[Any]], like: Scale | None) -> Scale:
    dtype = str(arrays[0].dtype)
    brightest = max((array.max() for array in arrays if array.size), default=0)
    if like and (not like.dtype or (like.dtype == dtype and brightest <= greatest(arrays[0].dtype, like.white))):
        return Scale(dtype, like.white)
    return Scale(dtype, max((common_white(array) for array in arrays if array.size), default=0) or 255)


def _to_uint8(array: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Return read-only uint8 pixels."""
    if array.dtype != np.uint8 or white != 255:
        scaled = np.empty(array.shape, np.uint8)
        for begin in range(0, len(array), 256):  # float64 of all at once would be several times the file
            scaled[begin : begin + 256] = scale_array(array[begin : begin + 256], white)
        array = scaled
    array.flags.writeable = False
    return array


def _labels(array: NDArray[Any], what: str) -> list[str]:
    if array.dtype.kind not in "iuU":
        raise BadData(f"{what} is {array.dtype}, and must be integers or text: store a class's number or name")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise BadData(f"{what} has the shape {array.shape}: make it (n,), one label per image")
    return [str(label) for label in array.tolist()]


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
