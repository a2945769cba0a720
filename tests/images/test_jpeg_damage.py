"""Damage that libjpeg only warns about: found in many threads at once, at every scale of the decode."""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from mutants import mutants
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images.framing import COVER, FULL, Preprocessing, reduction
from edgecls.images.preprocess import decode_strict

SPEC = Preprocessing(12, 12)
SIZE = (320, 240)
IMAGE = noise(*SIZE)
JPEGS = {
    "baseline": encode(IMAGE, ".jpg"),
    "progressive": encode(IMAGE, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restart markers": encode(IMAGE, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
    "of another size": encode(noise(1000, 30, 5), ".jpg"),
}
PADDED = JPEGS["baseline"][:-2] + bytes(5) + JPEGS["baseline"][-2:]
HOLED = {name: data[: len(data) // 3] + data[len(data) * 2 // 3 :] for name, data in JPEGS.items()}


def verdict(data, cover=COVER):
    """Why `data` is refused, or None."""
    try:
        decode_strict(data, SPEC, cover=cover)
    except BadImage as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", JPEGS)
def test_a_reduced_decode_refuses_what_a_full_one_refuses(name):
    assert reduction(SIZE, SPEC) == 8
    assert verdict(JPEGS[name]) is verdict(JPEGS[name], FULL) is None
    outcomes = Counter()
    for number, data in enumerate(mutants([JPEGS[name]], 300, seed=7)):
        reduced, full = verdict(data), verdict(data, FULL)
        assert reduced == full, number
        outcomes["whole" if full is None else "damaged" if "part of the picture" in full else "no image"] += 1
    assert min(outcomes[kind] for kind in ("whole", "damaged", "no image")) > 5


@pytest.mark.parametrize("name", HOLED)
@pytest.mark.parametrize("cover", [1, COVER, FULL])
def test_a_hole_in_the_middle_is_found_at_every_scale(name, cover):
    assert re.match(
        r"is damaged: part of the picture is missing \(.*\): replace the file$", verdict(HOLED[name], cover)
    )


def test_in_many_threads_each_finds_the_damage_of_its_own_image(capfd):
    images = [*JPEGS.values(), *HOLED.values(), PADDED, encode(IMAGE), *mutants(list(JPEGS.values()), 300, seed=3)] * 2
    expected = [verdict(data) for data in images]
    assert 100 < sum(each is not None for each in expected) < len(images) - 100
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(verdict, images)) == expected
    assert capfd.readouterr().err == ""


def test_a_padded_end_is_a_warning():
    """Some cameras pad all their files."""
    (warning,) = decode_strict(PADDED, SPEC)[1]
    assert "extraneous bytes before marker 0xd9" in warning


def test_lines_of_others_pass_while_images_are_decoded(capfd):
    with ThreadPoolExecutor(3) as pool:
        decoding = [pool.submit(verdict, data) for data in [*JPEGS.values(), *HOLED.values()] * 20]
        for number in range(200):
            os.write(2, b"line %d\n" % number)
        assert {done.result() is None for done in decoding} == {True, False}
    lines = capfd.readouterr().err.splitlines()  # those that were held back come a little later
    assert sorted(lines) == sorted(f"line {number}" for number in range(200))
