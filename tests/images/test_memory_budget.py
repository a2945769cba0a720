"""Memory for images that are decoded side by side."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images.decoding_memory import decoding_bytes
from edgecls.images.framing import COVER, Preprocessing
from edgecls.images.image_header import MAX_PIXELS
from edgecls.images.memory_budget import MemoryBudget
from edgecls.inference.classifier import Classifier
from edgecls.memory import AvailableMemory

SPEC = Preprocessing(224, 224)
LARGE = encode(noise(3000, 2000), ".png")
TAKES = decoding_bytes(LARGE, SPEC, COVER)[0]
SMALL = encode(noise(300, 200), ".png")


def of(size):
    return MemoryBudget(lambda: AvailableMemory(size, "the limit of the test"))


@pytest.mark.parametrize(("images", "at_a_time"), [(1.5, 1), (2.5, 2), (9, 4)])
def test_as_many_at_a_time_as_the_budget_allows(images, at_a_time):
    budget, now, most = of(int(TAKES * images)), [0], []
    lock = threading.Lock()

    def decode(_):
        with budget.reserve(LARGE, SPEC, MAX_PIXELS, COVER):
            with lock:
                now[0] += 1
                most.append(now[0])
            time.sleep(0.1)
            with lock:
                now[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, range(8)))
    assert max(most) == at_a_time


def test_an_image_larger_than_the_budget_is_refused():
    with (
        pytest.raises(
            BadImage, match=r"is 3000 x 2000 pixels large: decoding takes up to 66 MB .*limit of the test leaves"
        ),
        of(TAKES - 1).reserve(LARGE, SPEC, MAX_PIXELS, COVER),
    ):
        pass


def test_small_ones_and_what_is_refused_anyway_pass():
    for data, max_pixels in ((SMALL, MAX_PIXELS), (b"text", MAX_PIXELS), (LARGE, 1000)):
        with of(0).reserve(data, SPEC, max_pixels, COVER):
            pass


def test_an_image_that_fails_releases_its_memory():
    budget = of(TAKES)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), budget.reserve(LARGE, SPEC, MAX_PIXELS, COVER):
            raise ZeroDivisionError


def test_an_image_too_large_for_the_memory_is_an_error_and_the_setting_keeps_its_meaning(tiny_model, monkeypatch):
    from edgecls.inference import classifier as module

    monkeypatch.setattr(module, "DECODING_MEMORY", of(20_000_000))
    assert "save it smaller, or allow more memory" in Classifier(tiny_model).classify(LARGE).error
    assert "the limit (max_pixels) is 1000" in Classifier(tiny_model, max_pixels=1000).classify(LARGE).error
    assert Classifier(tiny_model).classify(SMALL).error is None
    jpeg = encode(noise(4000, 3000), ".jpg")  # decoded small
    assert Classifier(tiny_model).classify(jpeg).error is None
    assert "save it smaller" in Classifier(tiny_model, full_decode=True).classify(jpeg).error


def test_memory_that_cannot_be_had_is_an_error_of_the_image(tiny_model, monkeypatch):
    from edgecls.inference import classifier as module

    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(module, "decode_strict", refuse)
    assert "there is not enough memory" in Classifier(tiny_model).classify(SMALL).error
