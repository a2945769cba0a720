import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.model.image_list import SPLITS, ImageList


def digest(text):
    return hashlib.sha256(str(text).encode()).hexdigest()


some_images = st.lists(
    st.tuples(st.sampled_from(SPLITS), st.integers(0, 99).map(digest), st.integers(0, 99).map(digest))
)


@given(some_images)
def test_the_list_is_read_as_it_was_written(images):
    listed = ImageList.of(images)
    data = listed.to_bytes()
    assert ImageList.from_bytes(data) == listed
    assert ImageList.of(reversed(images)).to_bytes() == data
    assert len(data) == 29 + 12 * len(listed)
    assert listed.missing((content, pixels) for _, content, pixels in images) == 0


def test_an_image_is_known_by_its_content_or_its_pixels():
    listed = ImageList.of([("train", digest(1), digest(2)), ("test", digest(3), digest(4))])
    assert listed.split_of(digest(1), digest(9)) == "train"
    assert listed.split_of(digest(9), digest(4)) == "test"
    assert listed.split_of(digest(2), digest(3)) is None
    assert listed.missing([(digest(9), digest(4)), (digest(8), digest(8))]) == 1
    assert len(listed) == 2


def test_what_trained_is_known_as_that():
    listed = ImageList.of([("test", digest(1), digest(5)), ("train", digest(2), digest(5))])
    assert listed.split_of(digest(3), digest(5)) == "train"


@given(some_images, st.data())
def test_anything_else_is_refused(images, data):
    whole = ImageList.of(images).to_bytes()
    with pytest.raises(ValueError, match="the list of images"):
        ImageList.from_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_or_read(data):
    for begin in (b"", b"edgecls images 1\n"):
        try:
            listed = ImageList.from_bytes(begin + data)
        except ValueError:
            continue
        assert isinstance(listed.to_bytes(), bytes)
