"""Motion JPEG cut into its pictures, however the bytes come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.device.sources.multipart import Multipart, TooLarge

pictures = st.lists(st.binary(min_size=1, max_size=60).filter(lambda data: b"--edge" not in data), max_size=6)


def parts(stream, cut=10**9, most_bytes=2**20):
    multipart = Multipart(most_bytes)
    return [part for at in range(0, len(stream), cut) for part in multipart.feed(stream[at : at + cut])]


def stream(bodies, *, length=True, newline=b"\r\n", kind=b"image/jpeg"):
    text = b""
    for body in bodies:
        head = [b"--edge", b"Content-Type: " + kind, *([b"content-length: %d" % len(body)] if length else []), b"", b""]
        text += newline.join(head) + body + newline
    return text


@given(pictures, st.integers(1, 50), st.sampled_from([b"\r\n", b"\n"]))
def test_pictures_come_whole_wherever_the_network_cuts(bodies, cut, newline):
    assert parts(stream(bodies, newline=newline), cut) == bodies


@given(pictures, st.integers(1, 50))
def test_without_a_length_the_next_delimiter_ends_a_picture(bodies, cut):
    sent = [body.rstrip(b"\r") + b"." for body in bodies]
    assert parts(stream(sent, length=False) + b"--edge\r\n", cut) == sent


@given(st.binary(max_size=300), st.integers(1, 50))
def test_anything_may_come(data, cut):
    for part in parts(data, cut):
        assert part in data


def test_a_picture_is_there_before_the_next_begins():
    multipart = Multipart(2**20)
    assert list(multipart.feed(stream([b"one"])[:-2])) == [b"one"]


def test_a_picture_that_is_cut_off_takes_none_of_the_next():
    cut = stream([b"0123456789"]).replace(b"0123456789", b"01234")
    assert parts(cut + stream([b"whole"])) == [b"01234", b"whole"]


def test_what_is_no_picture_is_passed_over():
    assert parts(stream([b"text"], kind=b"text/plain") + stream([b"picture"])) == [b"picture"]
    assert parts(b"preamble\r\n\r\n" + stream([b"picture"])) == [b"picture"]


def test_a_length_that_is_too_small_loses_the_rest_of_that_picture_only():
    wrong = stream([b"0123456789"]).replace(b"length: 10", b"length: 4")
    assert parts(wrong + stream([b"whole"])) == [b"0123", b"whole"]


@pytest.mark.parametrize("length", [True, False])
def test_memory_is_bounded(length):
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        parts(stream([b"x" * 5000], length=length), 100, most_bytes=1000)
    multipart = Multipart(1000)
    for _ in range(200):
        assert list(multipart.feed(b"x" * 1000)) == []
    assert len(multipart._data) <= 2**16
