"""Read the TFLite Metadata of a model: its image input and its labels.

The tables and the numbers of their fields are those of TensorFlow's `metadata_schema.fbs` (and of TFLite's own
`schema.fbs` around it), which `tflite_metadata.py` writes.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgecls.errors import BadModel

_METADATA_NAME = b"TFLITE_METADATA"
_NORMALIZATION_OPTIONS = 1  # union ProcessUnitOptions
_IMAGE_PROPERTIES = 2  # union ContentProperties
_TENSOR_AXIS_LABELS = 2  # enum AssociatedFileType


@dataclass(frozen=True, slots=True)
class Normalization:
    """The normalization of a pixel, 0 to 255, for a float network: (pixel - mean) / std, one value for all channels or one for each."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """The metadata of the first input and the first output; None or empty if they are absent.

    `size` is (width, height) in pixels; `label_files` are names of appended files, the one without a locale first.
    """

    normalization: Normalization | None
    size: tuple[int, int] | None
    label_files: tuple[str, ...]


def read_image_metadata(flatbuffer: bytes) -> ImageMetadata | None:
    """Return the metadata of a whole .tflite; None if it has none. Raises BadModel if they are damaged."""
    if _METADATA_NAME not in flatbuffer:
        return None
    try:
        metadata = _metadata_buffer(flatbuffer)
        return _image_metadata(metadata) if metadata else None
    except (struct.error, IndexError, ValueError) as error:
        raise BadModel(f"its TFLite Metadata cannot be read ({error})") from error


def _metadata_buffer(flatbuffer: bytes) -> bytes | None:
    """Return the flatbuffer of the metadata, which is a buffer of the model."""
    model = _Table.root(flatbuffer)
    for entry in model.tables(6):
        if entry.text(0) == _METADATA_NAME.decode():
            buffer = list(model.tables(4))[entry.number(1, "I")]
            return buffer.bytes(0)
    return None


def _image_metadata(metadata: bytes) -> ImageMetadata | None:
    subgraph = next(_Table.root(metadata).tables(3), None)
    if subgraph is None:
        return None
    image, scores = next(subgraph.tables(2), None), next(subgraph.tables(3), None)
    return ImageMetadata(
        _normalization(image) if image else None,
        _size(image) if image else None,
        _label_files(scores) if scores else (),
    )


def _normalization(image: "_Table") -> Normalization | None:
    for unit in image.tables(4):
        options = unit.table(1)
        if unit.number(0, "B") == _NORMALIZATION_OPTIONS and options:
            mean, std = options.floats(0), options.floats(1)
            if mean and std:
                if 0.0 in std:
                    raise ValueError("the standard deviation of a pixel is 0")
                return Normalization(mean, std)
    return None


def _size(image: "_Table") -> tuple[int, int] | None:
    content = image.table(3)
    properties = content.table(1) if content and content.number(0, "B") == _IMAGE_PROPERTIES else None
    size = properties.table(1) if properties else None
    return (size.number(0, "I"), size.number(1, "I")) if size else None


def _label_files(scores: "_Table") -> tuple[str, ...]:
    files = [file for file in scores.tables(6) if file.number(2, "B") == _TENSOR_AXIS_LABELS]
    return tuple(file.text(0) for file in sorted(files, key=lambda file: file.text(3)))


class _Table:
    """A table of a flatbuffer, by `position`; fields by number. Absent fields are 0, empty or None.

    The layout is FlatBuffers' internals page's: a table begins with the signed distance to its vtable, which lists the
    position of each field, 0 for absent ones.
    """

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position
        if not 0 <= position < len(data):
            raise IndexError(f"a table at {position} of {len(data)} bytes")

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, struct.unpack_from("<I", data)[0])

    def _field(self, number: int) -> int | None:
        vtable = self._position - self._read("i", self._position)
        entry = 4 + 2 * number
        offset = self._read("H", vtable + entry) if entry < self._read("H", vtable) else 0
        return self._position + offset if offset else None

    def _read(self, kind: str, position: int) -> Any:
        if position < 0:
            raise IndexError(f"position {position}")
        return struct.unpack_from(f"<{kind}", self._data, position)[0]

    def _target(self, position: int) -> int:
        return position + int(self._read("I", position))

    def number(self, field: int, kind: str) -> int:
        """Return an integer; `kind` is a format of `struct`."""
        position = self._field(field)
        return int(self._read(kind, position)) if position is not None else 0

    def table(self, field: int) -> "_Table | None":
        position = self._field(field)
        return None if position is None else _Table(self._data, self._target(position))

    def tables(self, field: int) -> Iterator["_Table"]:
        begin, length = self._vector(field, 4)
        for position in range(begin, begin + 4 * length, 4):
            yield _Table(self._data, self._target(position))

    def bytes(self, field: int) -> bytes:
        begin, length = self._vector(field, 1)
        return self._data[begin : begin + length]

    def floats(self, field: int) -> tuple[float, ...]:
        begin, length = self._vector(field, 4)
        return struct.unpack_from(f"<{length}f", self._data, begin)

    def text(self, field: int) -> str:
        return self.bytes(field).decode()

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        """Return (position of the first element, number of elements)."""
        position = self._field(field)
        if position is None:
            return 0, 0
        begin = self._target(position)
        length = int(self._read("I", begin))
        if begin + 4 + width * length > len(self._data):
            raise IndexError(f"a vector of {length} elements at {begin}")
        return begin + 4, length
