import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.inference.runtimes.input_pixels import RANGES, normalized, pixel_table
from edgecls.model.image_metadata import Normalization

IMAGENET = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


@pytest.mark.parametrize(("name", "low", "high"), [("0..255", 0, 255), ("0..1", 0, 1), ("-1..1", -1, 1)])
def test_a_range_is_what_its_name_says(name, low, high):
    table = pixel_table(np.float32, 0.0, 0, RANGES[name], 3)
    assert table.dtype == np.float32
    assert table.shape == (256, 3)
    assert table[0].tolist() == [low] * 3
    assert table[255].tolist() == pytest.approx([high] * 3)


def test_each_channel_has_its_own():
    table = pixel_table(np.float32, 0.0, 0, IMAGENET, 3)
    assert table[124].tolist() == pytest.approx([0.325 / 58.395, 7.72 / 57.12, 20.47 / 57.375], rel=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_means_for_another_number_of_channels(channels):
    with pytest.raises(ValueError, match=f"2 means and 2 standard deviations for {channels} channels"):
        pixel_table(np.float32, 0.0, 0, Normalization((1.0, 2.0), (1.0, 2.0)), channels)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "normalization"),
    [
        (np.uint8, 1 / 128, 128, RANGES["-1..1"]),  # within a step of the pixels themselves
        (np.int8, 1 / 127.5, -1, RANGES["-1..1"]),
        (np.uint8, 1 / 255, 0, RANGES["0..1"]),
        (np.uint8, 1.0, 0, RANGES["-1..1"]),  # the graph normalizes, and the metadata say how
        (np.uint8, 0.0, 0, RANGES["-1..1"]),  # not quantized at all
    ],
)
def test_pixels_are_fed_as_they_are(dtype, scale, zero_point, normalization):
    assert pixel_table(dtype, scale, zero_point, normalization, 3) is None


def test_a_symmetric_int8_input_of_0_to_1():
    table = pixel_table(np.int8, 1 / 127, 0, RANGES["0..1"], 1)
    assert table[[0, 128, 255], 0].tolist() == [0, 64, 127]


@given(
    dtype=st.sampled_from([np.uint8, np.int8]),
    scale=st.floats(1e-3, 2),
    zero_point=st.integers(-128, 255),
    normalization=st.sampled_from([*RANGES.values(), IMAGENET]),
)
def test_a_quantized_value_is_the_nearest_there_is(dtype, scale, zero_point, normalization):
    """Property: what the value stands for is within half a step of the normalized pixel, or at the tensor's bound."""
    table = pixel_table(dtype, scale, zero_point, normalization, 3)
    if table is None:
        return
    assert table.dtype == dtype
    limits = np.iinfo(dtype)
    meant = (table.astype(np.float64) - zero_point) * scale
    is_inside = (table > limits.min) & (table < limits.max)
    assert np.abs(meant - normalized(normalization, 3))[is_inside].max(initial=0) <= scale / 2 + 1e-9
