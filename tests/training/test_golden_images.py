"""Golden examples are encoded larger than the model's input, so that the device has to crop and resize them."""

import numpy as np
import pytest
from pictures import noise

from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import decode, load_pixels
from edgecls.training.golden import encode_golden


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize(("channels", "crop", "side"), [(3, 0.875, 320), (3, 1.0, 280), (1, 1.0, 280)])
def test_a_golden_image_is_larger_than_the_input(fit, channels, crop, side):
    spec = Preprocessing(224, 224, fit, crop, channels)
    pixels = load_pixels(noise(400, 300), spec)
    encoded = encode_golden(pixels, spec)
    assert decode(encoded).shape == (side, side, 3)
    again = load_pixels(encoded, spec)
    assert again.shape == pixels.shape
    assert np.ptp(again) > 50
