"""How much memory decoding takes: no more than is promised, measured in processes of their own."""

import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise

from edgecls.images.decoding_memory import decoding_bytes
from edgecls.images.framing import COVER, FULL, Preprocessing

pytestmark = pytest.mark.slow

SPEC = Preprocessing(224, 224)
WIDTH, HEIGHT = 3000, 2500
PIXELS = noise(WIDTH, HEIGHT)
PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
FINE = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)

PEAK = """
import sys
from pathlib import Path
from edgecls.images.preprocess import decode_strict
from edgecls.images.framing import Preprocessing
def peak():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
spec = Preprocessing(224, 224)
small, image = (Path(name).read_bytes() for name in sys.argv[1:3])
decode_strict(small, spec)
before = peak()
decode_strict(image, spec, cover=float(sys.argv[3]))
print(peak() - before)
"""


def grey16(suffix):
    return cv2.imencode(suffix, (PIXELS[:, :, 0].astype(np.uint16) << 8))[1].tobytes()


def colour16(suffix):
    return cv2.imencode(suffix, (PIXELS.astype(np.uint16) << 8))[1].tobytes()


def transparent(suffix, *options):
    return cv2.imencode(suffix, np.dstack([PIXELS, PIXELS[:, :, :1]]), options)[1].tobytes()


IMAGES = {
    "jpeg": lambda: encode(PIXELS, ".jpg"),
    "progressive": lambda: encode(PIXELS, ".jpg", *PROGRESSIVE),
    "progressive 4:4:4": lambda: encode(PIXELS, ".jpg", *PROGRESSIVE, *FINE),
    "png": lambda: encode(PIXELS, ".png"),
    "png of 16 bits": lambda: colour16(".png"),
    "grey png of 16 bits": lambda: grey16(".png"),
    "transparent png": lambda: transparent(".png"),
    "tiff": lambda: encode(PIXELS, ".tiff"),
    "tiff of 16 bits": lambda: colour16(".tiff"),
    "transparent tiff": lambda: transparent(".tiff"),
    "bmp": lambda: encode(PIXELS, ".bmp"),
    "ppm": lambda: encode(PIXELS, ".ppm"),
    "webp": lambda: encode(PIXELS, ".webp"),
    "lossless webp": lambda: encode(PIXELS, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "transparent webp": lambda: transparent(".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
    "transparent gif": lambda: transparent(".gif"),
    "avif": lambda: encode(PIXELS, ".avif"),
    "transparent avif": lambda: transparent(".avif"),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_decoding_takes_no_more_than_is_promised(kind, tmp_path):
    suffix = f".{kind.split()[-1]}"
    if suffix in {".gif", ".avif", ".webp"} and not cv2.haveImageWriter(suffix):
        pytest.skip(f"this OpenCV writes no {suffix}")
    image = IMAGES[kind]()
    (tmp_path / "image").write_bytes(image)
    (tmp_path / "small").write_bytes(encode(noise(64, 64), f".{'jpg' if 'progressive' in kind else 'png'}"))
    for cover in (COVER, FULL) if image.startswith(b"\xff\xd8") else (COVER,):
        command = [sys.executable, "-c", PEAK, tmp_path / "small", tmp_path / "image", str(cover)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        told, size = decoding_bytes(image, SPEC, cover)
        assert size == (WIDTH, HEIGHT)
        assert int(done.stdout) <= told + 2 * 2**20


def test_a_jpeg_that_is_decoded_small_takes_little():
    image = encode(PIXELS, ".jpg")
    small, _ = decoding_bytes(image, SPEC, COVER)
    full, _ = decoding_bytes(image, SPEC, FULL)
    assert small * 16 == pytest.approx(full, rel=0.01)
    progressive, _ = decoding_bytes(encode(PIXELS, ".jpg", *PROGRESSIVE), SPEC, COVER)
    assert progressive > small + 3 * WIDTH * HEIGHT - 1


def test_a_picture_that_states_more_than_it_holds():
    png = bytearray(encode(noise(8, 8), ".png"))
    png[16:24] = struct.pack(">II", 65_000, 65_000)
    assert decoding_bytes(bytes(png), SPEC, COVER) == (11 * 65_000**2, (65_000, 65_000))


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"])
def test_what_tells_no_size(data):
    assert decoding_bytes(data, SPEC, COVER) is None


@given(st.integers(0, 300), st.binary(max_size=40), st.sampled_from([".jpg", ".png", ".webp", ".tiff"]))
def test_any_bytes_have_an_answer(at, some, suffix):
    data = encode(noise(20, 20), suffix)
    data = data[:at] + some + data[at + len(some) :]
    answer = decoding_bytes(data, SPEC, COVER)
    assert answer is None or answer[0] >= 0
