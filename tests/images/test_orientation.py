"""Pictures that their files say are turned: the same as Pillow shows them, in every format and version of OpenCV."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images.framing import Preprocessing
from edgecls.images.orientation import UPRIGHT, read_orientation, upright
from edgecls.images.preprocess import decode, decode_reduced, load_pixels

PICTURE = noise(64, 40, seed=3)
FORMATS = {"JPEG": {"quality": 98}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "AVIF": {"quality": 100}}


def exif(orientation, order="little"):
    """TIFF 6.0: a directory of one entry."""
    start = b"II*\0" if order == "little" else b"MM\0*"
    numbers = [(8, 4), (1, 2), (0x0112, 2), (3, 2), (1, 4), (orientation, 2), (0, 2), (0, 4)]
    return start + b"".join(value.to_bytes(size, order) for value, size in numbers)


def webp(orientation, prefix=b""):
    """A WebP of the extended format with an EXIF chunk, written without Pillow."""
    payload = prefix + exif(orientation, "big")
    pixels = encode(PICTURE, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)[12:]
    size = (63).to_bytes(3, "little") + (39).to_bytes(3, "little")
    body = b"WEBPVP8X\x0a\0\0\0\x08\0\0\0" + size + pixels
    body += b"EXIF" + len(payload).to_bytes(4, "little") + payload + bytes(len(payload) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", FORMATS)
def test_it_is_turned_as_pillow_turns_it(kind, orientation):
    PIL = pytest.importorskip("PIL", reason="Pillow comes with the extra `convert`")  # noqa: N806
    from PIL import Image, ImageOps, features

    if kind == "AVIF" and not features.check("avif"):
        pytest.skip(f"Pillow {PIL.__version__} writes no AVIF here")
    tags = Image.Exif()
    tags[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, kind, exif=tags, **FORMATS[kind])
    theirs = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB")).astype(int)
    try:
        ours = decode(file.getvalue())[..., ::-1].astype(int)
    except BadImage:
        assert kind == "AVIF"
        pytest.skip("this OpenCV reads no AVIF")
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 3
    assert (decode_reduced(file.getvalue()).shape[0] > 5) == (theirs.shape[0] > 40)


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_is_turned_by_every_opencv(orientation, prefix):
    data = webp(orientation, prefix)
    assert read_orientation(data) == orientation
    plain = encode(PICTURE, ".png")
    assert np.array_equal(decode(data), upright(decode(plain), orientation))
    spec = Preprocessing(10, 16)
    turned = load_pixels(np.ascontiguousarray(upright(decode(plain), orientation)[..., ::-1]), spec)
    assert np.array_equal(load_pixels(data, spec), turned)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_counts_as_none(orientation):
    assert np.array_equal(decode(webp(orientation)), decode(webp(1)))


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBP", b"1234ftypavif", webp(6), webp(6)[:200]]),
    st.binary(max_size=200),
)
def test_any_bytes_have_an_orientation(start, rest):
    assert read_orientation(start + rest) in range(1, 9)
    assert read_orientation(start[:20] + rest) in range(1, 9)


@given(st.binary(max_size=120))
def test_any_exif_has_an_orientation(rest):
    chunk = b"II*\0\x08\0\0\0" + rest
    data = b"\x89PNG\r\n\x1a\n" + len(chunk).to_bytes(4, "big") + b"eXIf" + chunk + bytes(4)
    assert UPRIGHT <= read_orientation(data) <= 8
