"""Weights are rounded so that sums come out right, on the grid that TFLite's converter will use."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tensorflow", reason="needs the extra `convert`")

import keras

from edgecls.training.quantization.rounding import _patches, compensated_rounding, round_weights


def correlated(rng, samples, n):
    """Inputs like neighbouring pixels: one strong common part, and a little of their own."""
    return rng.normal(5, 2, (samples, 1)) + rng.normal(0, 0.3, (samples, n))


def nearest(rows):
    steps = np.abs(rows).max(axis=1, keepdims=True) / 127
    return np.round(rows / steps) * steps


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 6))
def test_rounded_weights_lie_on_each_channels_grid(seed, n, channels):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(channels, n)).astype(np.float32)
    x = correlated(rng, 100, n)
    rounded = compensated_rounding(rows, x.T @ x)
    in_steps = rounded / (np.abs(rows).max(axis=1, keepdims=True) / 127)
    assert np.allclose(in_steps, np.round(in_steps), atol=1e-3)
    assert np.allclose(np.abs(rounded).max(axis=1), np.abs(rows).max(axis=1))


def test_the_sum_is_nearer_to_the_truth_than_after_rounding_to_nearest():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(64, 25)).astype(np.float32)
    x = correlated(rng, 1000, 25)
    rounded = compensated_rounding(rows, x.T @ x)
    error = np.abs(x @ (rounded - rows).T).mean()
    assert error < 0.3 * np.abs(x @ (nearest(rows) - rows).T).mean()


def test_moments_may_differ_by_channel():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3, 9)).astype(np.float32)
    xs = [correlated(rng, 200, 9) for _ in range(3)]
    together = compensated_rounding(rows, np.stack([x.T @ x for x in xs]))
    apart = [compensated_rounding(rows[i : i + 1], x.T @ x)[0] for i, x in enumerate(xs)]
    assert np.allclose(together, apart)


def test_weights_of_zero_and_inputs_of_zero_are_no_trouble():
    assert not compensated_rounding(np.zeros((2, 4), np.float32), np.zeros((4, 4))).any()


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_patches_are_what_keras_convolves(padding, strides, size):
    layer = keras.layers.Conv2D(4, size, strides=strides, padding=padding, use_bias=False)
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)
    expected = np.asarray(layer(x))
    patches = _patches(layer, x, positions=9)
    computed = patches.reshape(len(patches), -1) @ layer.get_weights()[0].reshape(-1, 4)
    assert np.allclose(computed, expected.reshape(-1, 4), atol=1e-4)


def test_a_network_is_rounded_in_place_and_computes_nearly_the_same():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(inputs)
    x = keras.layers.DepthwiseConv2D(3, padding="same", strides=2)(x)
    network = keras.Model(inputs, keras.layers.Conv2D(5, 1)(x))
    images = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype(np.float32)
    before, kernels = np.asarray(network(images)), network.get_weights()
    round_weights(network, images)
    assert any(not np.array_equal(a, b) for a, b in zip(kernels, network.get_weights(), strict=True))
    assert np.abs(np.asarray(network(images)) - before).mean() < 0.02 * np.abs(before).mean()
