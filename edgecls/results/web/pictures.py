"""The picture behind a row: found, read, and made smaller.

A database may come from anywhere, and whoever may open the pages may ask for any row of it. So a request names a
row, never a path; the file must lie in a folder that the database names; and only pixels leave, encoded anew.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from edgecls import system
from edgecls.errors import BadImage
from edgecls.images.depth import to_eight_bits
from edgecls.images.frame_key import DIGITS, digest, digest_in, named_by_content
from edgecls.images.image_header import MAX_PIXELS, image_size
from edgecls.images.preprocess import decode_samples

MAX_BYTES = 64 * 2**20
"""Of a file; larger ones are not shown."""
MAX_PIXELS_IN_FULL = 48_000_000
"""Of formats other than JPEG, which are decoded in full before they are made smaller."""

_REDUCED = (8, 4, 2)


class NoPicture(Exception):
    """There is no picture to show; says why."""


def jpeg(row: dict[str, Any], database: Path, edge: int) -> bytes:
    """The picture of `row` as a JPEG whose longer side is at most `edge` pixels. Raises NoPicture.

    `row` has `path`, `key`, `error`, `saved_bytes` and the run's `config`, parsed; `database` is the file it is from.
    """
    return _smaller(read(row, database), edge)


def read(row: dict[str, Any], database: Path) -> bytes:
    """The file of `row`, if it still holds what was classified. Raises NoPicture."""
    if not row["path"]:
        raise NoPicture("the picture was not kept")
    wanted = digest_in(row["key"])
    reason = f"{row['path']} is gone"
    for folder, path in _candidates(row, database, wanted or ""):
        try:
            data = _read_below(folder, path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
            continue
        if wanted in (None, digest(data)):
            return data
        reason = f"{path} is another picture by now"
    raise NoPicture(reason)


_MOVED_TO = {("move", False): "done_folder", ("move", True): "failed_folder", ("delete", True): "failed_folder"}
"""(what is done with files, whether the row has an error) -> the setting that names where the file is then."""


def _candidates(row: dict[str, Any], database: Path, content_digest: str) -> Iterator[tuple[str, str]]:
    """Where the picture may be, best first: (folder that the database names, path in it), both absolute.

    A run of the daemon names the folder that it watches, and where it moves files to. Its saved frames, and the files
    of `edgecls classify`, have only their path: the folder is the one they lie in. A relative path, which edgecls
    does not write, is relative to the database; so are saved frames that were copied along with it.
    """
    home = os.path.dirname(os.path.abspath(database))
    path = os.path.normpath(os.path.join(home, row["path"]))
    source = (row["config"] or {}).get("source")
    if row.get("saved_bytes") is not None:
        yield os.path.dirname(path), path
        day, name = path.split(os.sep)[-2:]
        frames = os.path.join(home, "frames" if database.stem == "results" else f"{database.stem}-frames")
        yield frames, os.path.join(frames, day, name)
    elif isinstance(source, dict) and isinstance(source.get("path"), str):
        root = os.path.normpath(os.path.join(home, source["path"]))
        yield root, path
        moved_to = _MOVED_TO.get((str(source.get("after")), bool(row["error"])))
        inner = os.path.relpath(path, root)
        if moved_to and not inner.startswith(os.pardir):
            folder = os.path.join(root, str(source.get(moved_to)))
            yield folder, os.path.join(folder, inner)
            below, name = os.path.split(inner)
            for digits in DIGITS if content_digest else ():
                yield folder, os.path.join(folder, below, named_by_content(name, content_digest, digits))
    else:
        yield os.path.dirname(path), path


def _read_below(folder: str, path: str) -> bytes:
    """The regular file at `path`, which lies below `folder` once all links are resolved. Raises OSError, ValueError.

    Then it is opened step by step, no link followed: should one take the place of a folder meanwhile, that fails.
    """
    root, real = os.path.realpath(folder, strict=True), os.path.realpath(path, strict=True)
    if not real.startswith(root.rstrip(os.sep) + os.sep):
        raise PermissionError(errno.EACCES, "it lies outside the folders that the database names")
    with system.open_below(root, os.path.relpath(real, root)) as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(errno.EACCES, "it is no regular file")
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
    """Pixels, of a JPEG at the smallest scale of a half, a quarter or an eighth whose longer side is still `edge`.

    A picture of 16 bits is scaled by its own values, for it is looked at.
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
