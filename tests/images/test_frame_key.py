"""The keys of files, which databases carry from machine to machine."""

import os

from hypothesis import given
from hypothesis import strategies as st

from edgecls.images.frame_key import DIGITS, digest, digest_in, file_key, name_in, named_by_content, without_arrival


def test_the_digest_is_what_xxh3_is_anywhere():
    """The values of the reference implementation: https://github.com/Cyan4973/xxHash, `xxhsum -H2`."""
    assert digest(b"") == "99aa06d3014798d86001c324468d497f"
    assert digest(b"a") == "a96faf705af16834e6c632b61e964e1f"


@given(st.text(), st.binary() | st.sampled_from(["17 bytes", "unreadable"]), st.none() | st.integers(0, 2**63))
def test_a_key_tells_name_and_digest_whenever_the_file_arrived(name, content, arrival):
    key = file_key(name, content, arrival)
    assert name_in(key) == name
    assert digest_in(key) == (digest(content) if isinstance(content, bytes) else None)
    assert without_arrival(key) == file_key(name, content)
    assert (key == file_key(name, content)) == (arrival is None)


def test_a_name_that_tells_the_content():
    md5_like = "5d41402abc4b2a76b9719d911017c592"
    assert named_by_content("a.b.jpg", md5_like, 8) == "a.b-5d41402a.jpg"
    assert named_by_content("a", md5_like, 32) == f"a-{md5_like}"


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), st.sampled_from(DIGITS))
def test_a_name_that_tells_the_content_is_another_one_and_not_too_long(name, digits):
    name = os.fsdecode(os.fsencode(name)[:255])
    longer = os.fsencode(named_by_content(name, digest(b"a"), digits))
    assert longer != os.fsencode(name)
    assert len(longer) <= 255


@given(st.binary(min_size=1, max_size=300), st.data())
def test_each_bit_counts(data, draw):
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    assert digest(bytes(changed)) != digest(data)


def test_what_was_no_file_tells_none():
    assert digest_in("camera#12") is None
