"""Write standard TFLite Metadata into a model's flatbuffer, as other tools (MediaPipe Tasks, Android Studio) read it.

The metadata is a flatbuffer of its own (schema: TensorFlow's metadata_schema.fbs, file identifier `M001`), kept in a
buffer of the model that its `metadata` list names `TFLITE_METADATA`. Neither schema compiler nor generated code is
needed for the few tables used here: a table is built by filling numbered slots, and the numbers below are the
positions of the fields in that schema.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flatbuffers
import numpy as np

_METADATA_NAME = b"TFLITE_METADATA"
_METADATA_IDENTIFIER = b"M001"
_TENSOR_AXIS_LABELS = 2  # enum AssociatedFileType
_IMAGE_PROPERTIES = 2  # union ContentProperties
_FEATURE_PROPERTIES = 1
_COLOR_SPACES = {3: 1, 1: 2}  # channels -> enum ColorSpaceType: RGB, GRAYSCALE
_NORMALIZATION_OPTIONS = 1  # union ProcessUnitOptions

Slot = tuple[int, int]
"""(field number, offset of the value in the buffer)"""


def embed(
    flatbuffer: bytes,
    *,
    name: str,
    description: str,
    size: tuple[int, int],
    channels: int = 3,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    labels_file: str,
    other_files: Sequence[str],
) -> bytes:
    """Return the same model with standard metadata in it.

    `size` is (width, height) of the input in pixels, `channels` 3 (RGB) or 1 (grey); `mean` and `std`, one for
    all channels or one a channel, are what a float model would be fed with, (pixel - mean) / std: a model with uint8 input takes the pixels as they are, and readers ignore them. The files
    named must then be appended as a zip. `flatbuffer` is a whole .tflite without appended files.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(
        _metadata(name, description, (*size, channels), mean, std, labels_file, other_files), np.uint8
    )
    entry = schema.MetadataT()
    entry.name, entry.buffer = _METADATA_NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [m for m in model.metadata or [] if m.name != _METADATA_NAME] + [entry]
    return pack(model, len(flatbuffer))


def pack(model: Any, size: int) -> bytes:
    """Return the flatbuffer of a schema.ModelT; `size` is about how many bytes it takes."""
    from ai_edge_litert import schema_py_generated as schema

    for each in model.buffers:
        each.Pack = partial(_pack_aligned, schema, each)
    builder = flatbuffers.Builder(size + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _pack_aligned(schema: Any, buffer: Any, builder: Any) -> int:
    """Like BufferT.Pack, but the data begin at a multiple of 16 bytes, as TFLite's schema demands and kernels assume."""
    data = None
    if buffer.data is not None:
        builder.Prep(16, len(buffer.data))
        data = builder.CreateNumpyVector(np.asarray(buffer.data, np.uint8))
    schema.BufferStart(builder)
    if data is not None:
        schema.BufferAddData(builder, data)
    return int(schema.BufferEnd(builder))


def _metadata(
    name: str,
    description: str,
    shape: tuple[int, int, int],
    mean: float | Sequence[float],
    std: float | Sequence[float],
    labels_file: str,
    other_files: Sequence[str],
) -> bytes:
    b = flatbuffers.Builder(1024)
    what = "RGB pixels, 0 to 255" if shape[2] == 3 else "grey pixels, 0 to 255"
    image_input = _tensor(b, "image", what, _image_content(b, shape), units=[_normalization(b, mean, std)])
    labels = _table(b, 5, [(0, b.CreateString(labels_file))], lambda: b.PrependInt8Slot(2, _TENSOR_AXIS_LABELS, 0))
    probability = _tensor(b, "probability", "one probability a label", _feature_content(b), files=[labels])
    others = [_table(b, 5, [(0, b.CreateString(file))]) for file in other_files]
    subgraph = _table(b, 10, [(2, _vector(b, [image_input])), (3, _vector(b, [probability]))])
    root = _table(
        b,
        8,
        [
            (0, b.CreateString(name)),
            (1, b.CreateString(description)),
            (3, _vector(b, [subgraph])),
            (6, _vector(b, others)),
            (7, b.CreateString("1.0.0")),
        ],
    )
    b.Finish(root, _METADATA_IDENTIFIER)
    return bytes(b.Output())


def _tensor(
    b: Any, name: str, description: str, content: int, *, units: Sequence[int] = (), files: Sequence[int] = ()
) -> int:
    slots = [(0, b.CreateString(name)), (1, b.CreateString(description)), (3, content)]
    if units:
        slots.append((4, _vector(b, units)))
    if files:
        slots.append((6, _vector(b, files)))
    return _table(b, 7, slots)


def _image_content(b: Any, shape: tuple[int, int, int]) -> int:
    width, height, channels = shape

    def image_size() -> None:
        b.PrependUint32Slot(0, width, 0)
        b.PrependUint32Slot(1, height, 0)

    default_size = _table(b, 2, [], image_size)
    properties = _table(b, 2, [(1, default_size)], lambda: b.PrependInt8Slot(0, _COLOR_SPACES[channels], 0))
    return _table(b, 3, [(1, properties)], lambda: b.PrependUint8Slot(0, _IMAGE_PROPERTIES, 0))


def _feature_content(b: Any) -> int:
    return _table(b, 3, [(1, _table(b, 0, []))], lambda: b.PrependUint8Slot(0, _FEATURE_PROPERTIES, 0))


def _normalization(b: Any, mean: float | Sequence[float], std: float | Sequence[float]) -> int:
    options = _table(b, 2, [(0, _floats(b, np.ravel(mean))), (1, _floats(b, np.ravel(std)))])
    return _table(b, 2, [(1, options)], lambda: b.PrependUint8Slot(0, _NORMALIZATION_OPTIONS, 0))


def _table(b: Any, fields: int, slots: Sequence[Slot], scalars: Callable[[], None] | None = None) -> int:
    """Build a table of `fields` fields: references to what was built before, and scalars written in place."""
    b.StartObject(fields)
    for field, offset in slots:
        b.PrependUOffsetTRelativeSlot(field, offset, 0)
    if scalars:
        scalars()
    return int(b.EndObject())


def _vector(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: Any, values: Any) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
