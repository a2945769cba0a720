"""The keys of files, which databases carry from machine to machine."""

from hypothesis import given
from hypothesis import strategies as st

from edgecls.frame_key import digest, digest_in, file_key


def test_the_digest_is_what_xxh3_is_anywhere():
    """The values of the reference implementation: https://github.com/Cyan4973/xxHash, `xxhsum -H2`."""
    assert digest(b"") == "99aa06d3014798d86001c324468d497f"
    assert digest(b"a") == "a96faf705af16834e6c632b61e964e1f"


@given(st.text(), st.binary())
def test_a_key_tells_the_digest(name, data):
    assert digest_in(file_key(name, data)) == digest(data)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_each_bit_counts(data, draw):
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    assert digest(bytes(changed)) != digest(data)


def test_what_was_no_file_tells_none():
    assert digest_in("camera#12") is None
