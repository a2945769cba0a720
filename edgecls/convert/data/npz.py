"""Images and labels in one `.npz` file, as in Keras's own `mnist.npz`: x_train, y_train, and perhaps x_test, y_test."""

import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, from_os_error

LAYOUT = "x_train (uint8, n x height x width, with 1 or 3 channels or none), y_train (n), and perhaps x_test, y_test"
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,  # pickled objects too: they are not loaded, since they may run any code
    EOFError,
    MemoryError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # encrypted
    SyntaxError,  # an array's header that is no literal
)


class Row(NamedTuple):
    """One image of the array `array` (`x_train` or `x_test`) in `file`."""

    file: Path
    array: str
    number: int


class Arrays(NamedTuple):
    """name of an array of images -> the images, uint8 (n, height, width, 1 or 3); and -> their n labels."""

    images: Mapping[str, NDArray[np.uint8]]
    labels: Mapping[str, list[str]]


def read_row(row: Row) -> NDArray[np.uint8]:
    """RGB pixels, uint8 (height, width, 3), not to be written to; grey becomes three equal channels.

    The file is read once and stays in memory. Raises BadData, NoInput and WriteFailed.
    """
    try:
        image = read_arrays(row.file).images[row.array][row.number]
    except (KeyError, IndexError):
        raise BadData(f"{row.file} has changed while it was in use: begin again") from None
    return image if image.shape[-1] == 3 else np.repeat(image, 3, axis=-1)


def read_arrays(path: Path) -> Arrays:
    """The file's arrays, checked; the last file read is remembered. Raises BadData, NoInput and WriteFailed."""
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error


@lru_cache(maxsize=1)
def _read(path: Path, _modified: int, _size: int) -> Arrays:
    try:
        with path.open("rb") as opened, _archive(opened) as file:  # left to NumPy, a bad file would stay open
            found = {name: file[name] for part in ("train", "test") for name in _names(part) if name in file}
    except _UNREADABLE as error:
        raise BadData(f"{path} cannot be read as an .npz file ({_first_line(error)}): save it anew") from error
    images, labels = {}, {}
    for part in ("train", "test"):
        x, y = _names(part)
        if part == "train" or x in found or y in found:
            for name in (x, y):
                if not isinstance(found.get(name), np.ndarray):
                    raise BadData(f"{path} has no array {name!r}: it must hold {LAYOUT}")
            images[x], labels[x] = _images(found[x], f"{path}: {x}"), _labels(found[y], f"{path}: {y}")
            if len(images[x]) != len(labels[x]):
                raise BadData(
                    f"{path}: {x} has {len(images[x])} images, {y} {len(labels[x])} labels: give each its own"
                )
    return Arrays(images, labels)


def _names(part: str) -> tuple[str, str]:
    return f"x_{part}", f"y_{part}"


def _archive(opened: BinaryIO) -> Any:
    file = np.load(opened, allow_pickle=False)
    if isinstance(file, np.ndarray):
        raise ValueError("one array, an .npy file")  # noqa: TRY004  # of the file, not of an argument
    return file


def _images(array: NDArray[Any], what: str) -> NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise BadData(f"{what} is {array.dtype}, and must be uint8: store pixels from 0 to 255, not scaled")
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in {1, 3} or 0 in array.shape[1:]:
        raise BadData(f"{what} has the shape {array.shape}: make it (n, height, width), with 1 or 3 channels last")
    array.flags.writeable = False
    return array


def _labels(array: NDArray[Any], what: str) -> list[str]:
    if array.dtype.kind not in "iuU":
        raise BadData(f"{what} is {array.dtype}, and must be integers or text: store a class's number or name")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise BadData(f"{what} has the shape {array.shape}: make it (n,), one label an image")
    return [str(label) for label in array.tolist()]


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
