import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import build, with_metadata

from edgecls.errors import BadModel
from edgecls.model.bundled import default_model
from edgecls.model.image_metadata import ImageMetadata, Normalization, read_image_metadata
from edgecls.model.model_file import read_model

FLOATS = st.floats(-1e3, 1e3, width=32).filter(bool)
CHANNELS = st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=3)


@given(values=CHANNELS, size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_what_is_written_is_read(values, size):
    mean, std = zip(*values, strict=True)
    model = with_metadata(build(), mean=mean, std=std, size=size)
    assert read_image_metadata(model) == ImageMetadata(Normalization(mean, std), size, ("names.txt",))


def test_a_model_without_metadata():
    assert read_image_metadata(build()) is None


def test_the_label_file_that_the_metadata_name_is_taken(tmp_path):
    """Not another text file that is appended too."""
    path = tmp_path / "model.tflite"
    path.write_bytes(with_metadata(build(), labels=("0 rouge", "1 vert", "2 bleu")))
    assert read_model(path).labels == ("rouge", "vert", "bleu")


def test_our_own_models_need_no_metadata_read():
    model = read_model(default_model())
    assert model.info is not None
    assert model.metadata is None


def test_a_deviation_of_zero_is_refused():
    with pytest.raises(BadModel, match=r"cannot be read .*deviation of a pixel is 0"):
        read_image_metadata(with_metadata(build(), std=(0.0,)))


@given(seed=st.integers(0, 2**32))
def test_damaged_metadata_are_read_or_refused(seed):
    """Random bytes in the tables never raise anything else, and never read past the end."""
    model = bytearray(with_metadata(build()))
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 40)):
        struct.pack_into("<B", model, chance.randrange(8, len(model)), chance.randrange(256))
    try:
        metadata = read_image_metadata(bytes(model[: chance.randint(8, len(model))]))
    except BadModel:
        return
    assert metadata is None or isinstance(metadata, ImageMetadata)
