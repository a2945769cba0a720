import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise

from edgecls.images.look_alikes import MOST_BITS, LookAlikes, difference_hash


def bits(one, other):
    return (one ^ other).bit_count()


def test_each_bit_compares_a_pixel_with_its_left_neighbour():
    rising = np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1))
    assert difference_hash(rising) == 2**64 - 1
    assert difference_hash(rising[:, ::-1]) == 0
    rising[0, 1] = 0  # the first bit
    assert difference_hash(rising) == 2**63 - 1


@given(st.integers(0, 1000))
def test_what_light_and_compression_do_to_a_picture(seed):
    picture = noise(200, 150, seed)
    darker = (picture * 0.8).astype(np.uint8)
    packed = cv2.imdecode(np.frombuffer(encode(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60), np.uint8), 1)
    seen = LookAlikes()
    seen.take(difference_hash(picture[..., ::-1]))
    assert seen.has(difference_hash(darker[..., ::-1]))
    assert seen.has(difference_hash(packed))
    assert not seen.has(difference_hash(noise(200, 150, seed + 1)))


def test_the_limit():
    seen = LookAlikes()
    assert not seen.has(0)
    seen.take(0)
    assert seen.has(2**MOST_BITS - 1)
    assert not seen.has(2 ** (MOST_BITS + 1) - 1)
    assert bits(0, 7) == 3
