"""Ten thousand damaged images: each is a row, none a crash."""

import subprocess
import sys

import cv2
import pytest
from mutants import mutants
from photographs import NEEDS, photographs
from pictures import encode

COUNT = 10_000
SUFFIXES = (".jpg", ".png", ".webp", ".tiff", ".bmp", ".gif")


@pytest.fixture
def images(need):
    """Photographs as JPEG, and made small in every format."""
    whole = photographs()
    need(whole, NEEDS)
    large = [cv2.resize(pixels, (480, 360), interpolation=cv2.INTER_AREA) for pixels in whole]
    small = [cv2.resize(pixels, (160, 120), interpolation=cv2.INTER_AREA) for pixels in whole]
    written = [suffix for suffix in SUFFIXES if cv2.haveImageWriter(suffix)]
    return [encode(pixels, ".jpg") for pixels in large] + [encode(p, suffix) for p in small for suffix in written]


@pytest.fixture
def damaged(place, images):
    for n, data in enumerate(mutants(images, COUNT, seed=4)):
        (place.inbox / f"{n}.jpg").write_bytes(data)


@pytest.mark.usefixtures("damaged")
def test_ten_thousand_mutants_through_the_daemon(place, counted, tiny_model):
    source = ('path = "inbox"', "settle_seconds = 0.1", "incomplete_seconds = 0", 'after = "delete"')
    place.configure(tiny_model.path, *source)
    assert place.finish() == 0
    _check(place)
    assert len(place.files()) == place.count("error")
    assert all(name.startswith("failed/") for name in place.files())
    _count(place, counted, "`edgecls run`", "exit code 0")


@pytest.mark.usefixtures("damaged")
def test_ten_thousand_mutants_through_classify(place, counted, tiny_model):
    command = [sys.executable, "-m", "edgecls", "classify", "inbox", "-m", tiny_model.path, "--db", "results.db"]
    with place.log.open("wb") as log, (place.folder / "table").open("wb") as out:
        done = subprocess.run(
            [*command, "--format", "jsonl"], env=place.environment, cwd=place.folder, stderr=log, stdout=out
        )
    assert done.returncode == 1
    _check(place)
    assert len((place.folder / "table").read_text().splitlines()) == COUNT
    assert (
        len(place.log_lines()) == len(place.log_lines("edgecls: ")) == place.count("error")
    )  # nothing of a library's beside it
    _count(place, counted, "`edgecls classify --db`", "exit code 1, a line for each error")


def _check(place):
    assert place.count() == place.count("DISTINCT key") == COUNT
    assert place.count("label") + place.count("error") == COUNT
    assert 0 < place.count("error") < COUNT
    assert "Traceback" not in place.log.read_text()
    assert place.is_whole()


def _count(place, counted, where, ended):
    counted(
        f"damaged images through {where}", f"{COUNT}", f"{COUNT} rows, {place.count('error')} of them errors; {ended}"
    )
