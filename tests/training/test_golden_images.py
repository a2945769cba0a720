"""Golden examples are small, and still larger than what they fill of the model's input."""

import pytest
from pictures import noise

from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import decode
from edgecls.training.golden import shrink


@pytest.mark.parametrize(
    ("fit", "size"), [("crop", (1400, 280)), ("stretch", (1400, 280)), ("pad", (280, 56)), ("pad", (56, 280))]
)
def test_the_size_of_a_golden_image(fit, size):
    width, height = (4000, 800) if size[0] > size[1] else (800, 4000)
    image = decode(shrink(noise(width, height), Preprocessing(224, 224, fit)))
    assert image.shape[1::-1] == size
