"""The metadata as another reader sees it: parsed with the field numbers of TensorFlow's metadata_schema.fbs."""

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import number_types as types
from tiny_model import SIZE, SPEC, build

from edgecls.images.preprocess import load_pixels
from edgecls.inference.runtimes import open_runtime
from edgecls.model.tflite_metadata import embed


class Table:
    """A table whose fields are read by their number in the schema."""

    def __init__(self, data, position):
        self.raw = flatbuffers.table.Table(data, position)

    def offset(self, field):
        return self.raw.Offset(4 + 2 * field)

    def text(self, field):
        return self.raw.String(self.offset(field) + self.raw.Pos).decode()

    def number(self, field, kind, default=0):
        offset = self.offset(field)
        return self.raw.Get(kind, offset + self.raw.Pos) if offset else default

    def table(self, field):
        return Table(self.raw.Bytes, self.raw.Indirect(self.offset(field) + self.raw.Pos))

    def tables(self, field):
        offset = self.offset(field)
        if not offset:
            return []
        begin = self.raw.Vector(offset)
        return [Table(self.raw.Bytes, self.raw.Indirect(begin + 4 * n)) for n in range(self.raw.VectorLen(offset))]

    def floats(self, field):
        offset = self.offset(field)
        begin = self.raw.Vector(offset)
        return [self.raw.Get(types.Float32Flags, begin + 4 * n) for n in range(self.raw.VectorLen(offset))]


def metadata_of(model):
    (entry,) = [entry for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    data = bytearray(bytes(model.buffers[entry.buffer].data))
    assert data[4:8] == b"M001"
    return Table(data, flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0))


@pytest.fixture(scope="module")
def metadata(tiny_model):
    return metadata_of(schema.ModelT.InitFromPackedBuf(tiny_model.path.read_bytes(), 0))


def test_the_model_is_described(metadata):
    assert metadata.text(0) == "tiny"
    assert metadata.text(1) == "none, int8, 3 classes, made by edgecls"
    assert metadata.text(7) == "1.0.0"
    assert [file.text(0) for file in metadata.tables(6)] == ["edgecls.json", *(f"golden/{n}.jpg" for n in range(4))]


def test_the_input_is_described(metadata):
    (subgraph,) = metadata.tables(3)
    (image,) = subgraph.tables(2)
    assert (image.text(0), image.text(1)) == ("image", "RGB pixels, 0 to 255")
    content = image.table(3)
    assert content.number(0, types.Uint8Flags) == 2  # ImageProperties
    properties = content.table(1)
    assert properties.number(0, types.Int8Flags) == 1  # RGB
    size = properties.table(1)
    assert (size.number(0, types.Uint32Flags), size.number(1, types.Uint32Flags)) == (SIZE, SIZE)
    (unit,) = image.tables(4)
    assert unit.number(0, types.Uint8Flags) == 1  # NormalizationOptions
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([127.0], [128.0])


def test_a_grey_input_is_described():
    described = embed(
        build(channels=1), name="", description="", size=(16, 12), channels=1, mean=0.0, std=255.0, labels_file="",
        other_files=[],
    )  # fmt: skip
    (subgraph,) = metadata_of(schema.ModelT.InitFromPackedBuf(described, 0)).tables(3)
    (image,) = subgraph.tables(2)
    assert image.text(1) == "grey pixels, 0 to 255"
    properties = image.table(3).table(1)
    assert properties.number(0, types.Int8Flags) == 2  # GRAYSCALE
    size = properties.table(1)
    assert (size.number(0, types.Uint32Flags), size.number(1, types.Uint32Flags)) == (16, 12)


def test_the_output_is_described(metadata):
    (probability,) = metadata.tables(3)[0].tables(3)
    assert probability.text(0) == "probability"
    assert probability.table(3).number(0, types.Uint8Flags) == 1  # FeatureProperties
    (labels,) = probability.tables(6)
    assert (labels.text(0), labels.number(2, types.Int8Flags)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


def test_every_buffer_is_aligned(tiny_model):
    data = tiny_model.path.read_bytes()
    model = schema.Model.GetRootAs(data, 0)
    positions = []
    for n in range(model.BuffersLength()):
        buffer = model.Buffers(n)
        if buffer.DataLength():
            positions.append(buffer._tab.Vector(buffer._tab.Offset(4)))
    assert len(positions) == 2  # the weights, the metadata
    assert [position % 16 for position in positions] == [0, 0]


def describe(flatbuffer, name="twice"):
    return embed(
        flatbuffer, name=name, description="", size=(16, 16), mean=0.0, std=1.0, labels_file="l.txt", other_files=[]
    )


def test_metadata_replace_older_ones():
    twice = describe(describe(build(), "once"))
    assert metadata_of(schema.ModelT.InitFromPackedBuf(twice, 0)).text(0) == "twice"
    Interpreter(model_content=twice).allocate_tensors()


def test_the_network_is_unchanged(tiny_model, golden_examples):
    """The plain flatbuffer gave the golden outputs; with metadata in it, it gives the same to the bit."""
    runtime = open_runtime(tiny_model.path, threads=1, reference_kernels=True)
    for example in golden_examples:
        assert tuple(runtime.invoke(load_pixels(example.image, SPEC))) == example.outputs
    assert schema.ModelT.InitFromPackedBuf(tiny_model.path.read_bytes(), 0).description == b"tiny"
