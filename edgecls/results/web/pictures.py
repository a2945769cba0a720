"""The picture of a row: located, read and scaled down.

A database may come from anywhere, and whoever can open the pages can request any row. So a request names a row and
never a path, the file must be in a folder that the database names, and only re-encoded pixels are sent.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from edgecls import system
from edgecls.errors import BadImage
from edgecls.images.depth import to_eight_bits
from edgecls.images.frame_key import digest, digest_in
from edgecls.images.image_header import MAX_PIXELS, image_size
from edgecls.images.preprocess import decode_samples
from edgecls.results.image_location import image_locations

MAX_BYTES = 64 * 2**20
"""The largest file that is shown."""
MAX_PIXELS_IN_FULL = 48_000_000
"""The largest picture of a format other than JPEG: these are decoded in full before they are scaled."""

_REDUCED = (8, 4, 2)


class NoPicture(Exception):
    """There is no picture to show; the message says why."""


def jpeg(row: dict[str, Any], database: Path, edge: int) -> bytes:
    """Return the picture of `row` as a JPEG whose longer side is at most `edge` pixels.

    Args:
        row: As `queries.frame_details.read_frame` returns it.
        database: The file that the row is from.
        edge: Pixels; a smaller picture keeps its size.

    Raises:
        NoPicture: The file is gone, has another content, or does not decode.
    """
    return _smaller(read(row, database), edge)


def picture_address(row: Mapping[str, Any], kind: str = "picture") -> str | None:
    """Return the address of the picture of a row ("picture" or "thumbnail"); None for a row without a file.

    It ends in a hash of the frame: browsers may cache a picture although another database also has a row of this id.
    """
    if not row["path"]:
        return None
    content = hashlib.blake2b(f"{row['source']}\0{row['key']}".encode(), digest_size=6).hexdigest()
    return f"/{kind}/{row['id']}.jpg?of={content}"


def read(row: dict[str, Any], database: Path) -> bytes:
    """Return the content of the file of `row`. Raises NoPicture if it no longer has what was classified."""
    if not row["path"]:
        raise NoPicture("the picture was not saved")
    expected = digest_in(row["key"])
    reason = f"{row['path']} is gone"
    for folder, path in image_locations(row, database):
        try:
            data = _read_below(folder, path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
            continue
        if expected in (None, digest(data)):
            return data
        reason = f"{path} has been replaced by another picture"
    raise NoPicture(reason)


def _read_below(folder: str, path: str) -> bytes:
    """Return the content of the regular file at `path`, which must be below `folder` once all links are resolved.

    It is opened folder by folder without following links, so that a link put there meanwhile is refused. Raises OSError
    and ValueError.
    """
    root, real = os.path.realpath(folder, strict=True), os.path.realpath(path, strict=True)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        raise PermissionError(errno.EACCES, "it is outside the folders that the database names")
    with system.open_below(root, os.path.relpath(real, root)) as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(errno.EACCES, "it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES // 2**20} MiB")
        return opened.read(MAX_BYTES)


def _smaller(data: bytes, edge: int) -> bytes:
    try:
        _, encoded = cv2.imencode(".jpg", _fitted(_decoded(data, edge), edge), [cv2.IMWRITE_JPEG_QUALITY, 82])
    except BadImage as error:
        raise NoPicture(f"the picture {error}") from error
    except cv2.error as error:
        raise NoPicture(f"the picture cannot be decoded: {error.err or 'OpenCV refuses it'}") from error
    return encoded.tobytes()


def _decoded(data: bytes, edge: int) -> NDArray[Any]:
    """Return uint8 pixels; of a JPEG at the smallest scale (1/2, 1/4, 1/8) whose longer side is still `edge`.

    16-bit values are scaled by their own range, since people look at the picture.
    """
    longer = max(image_size(data) or (0, 0))
    scale = next((factor for factor in _REDUCED if longer >= factor * edge), 1)
    limit = MAX_PIXELS if data[:2] == b"\xff\xd8" else MAX_PIXELS_IN_FULL
    return to_eight_bits(decode_samples(data, limit, scale), None)


def _fitted(image: NDArray[Any], edge: int) -> NDArray[Any]:
    height, width = image.shape[:2]
    scale = edge / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
