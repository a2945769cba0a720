"""What the table says of each network is true of the network that is built."""

import keras_networks
import numpy as np
import pytest
from pictures import noise

pytest.importorskip("tensorflow", reason="needs the extra `convert`")

import keras

from edgecls.errors import UsageError
from edgecls.training.backbones import BACKBONES, find_backbone
from edgecls.training.backbones.measure import untrained_int8
from edgecls.training.quantization.quantize import normalize, to_float

pytestmark = pytest.mark.slow

EVERY = pytest.mark.parametrize("name", BACKBONES)
QUICK = ("mobilenet-v1-0.25", "mobilenet-v2-0.35", "mobilenet-v3-small-0.75", "cnn")


@EVERY
def test_the_figures_of_a_network(name):
    backbone = BACKBONES[name]
    network = backbone.load(weights=False)
    assert network.input_shape == (None, backbone.input_size, backbone.input_size, backbone.channels)
    assert network.count_params() == backbone.parameters
    total, pooled = keras_networks.multiply_adds(network)
    assert total == backbone.macs
    if len(backbone.input_sizes) > 1:
        assert pooled == backbone.pooled_macs
        smaller = backbone.at(96)
        assert keras_networks.multiply_adds(smaller.load(weights=False)) == (smaller.macs, pooled)
    assert keras_networks.int8_bytes(network) / 1e6 == pytest.approx(backbone.int8_mb, rel=0.05)


@pytest.mark.parametrize("name", QUICK)
def test_int8_is_as_large_as_stated(name):
    """`untrained_int8` also raises if a float tensor is left."""
    backbone = BACKBONES[name]
    assert len(untrained_int8(backbone)) / 1e6 == pytest.approx(backbone.int8_mb, rel=0.02)


def test_int8_is_near_the_float_network():
    """Squeeze-and-excitation and hard-swish are what TFLite could stumble over."""
    backbone = find_backbone("mobilenet-v3-small-0.75", 96)
    keras.utils.set_random_seed(0)
    network = backbone.load(weights=False)
    images = [noise(96, 96, seed) for seed in range(16)]
    settle(network, normalize(np.stack(images), backbone.mean, backbone.std))
    assert keras_networks.int8_likeness(network, backbone, images) > 0.9


def settle(network, inputs):
    """Give BatchNorm the statistics of `inputs`, or what random weights compute fades away layer by layer."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(inputs, training=True)


@EVERY
def test_the_layers_can_be_cut_and_rounded(name):
    """No model inside the model, features last, and names that TensorFlow takes."""
    network = BACKBONES[name].load(weights=False)
    assert network.layers[-1].name == "features"
    assert len(network.output_shape) == 2
    assert not [layer for layer in network.layers if isinstance(layer, keras.Model)]
    assert not [layer.name for layer in network.layers if layer.name.startswith("_")]


@EVERY
def test_the_same_network_has_the_same_names_each_time(name):
    names = [[each.name for each in BACKBONES[name].load(weights=False).operations] for _ in range(2)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])


def test_the_same_network_gives_the_same_bytes():
    backbone = find_backbone("mobilenet-v3-small-0.75", 32)
    first = backbone.load(weights=False)
    second = backbone.load(weights=False)
    second.set_weights(first.get_weights())
    assert to_float(first, backbone.mean, backbone.std) == to_float(second, backbone.mean, backbone.std)


def test_pixels_are_normalised_as_keras_does_it():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    for name, module in (
        ("mobilenet-v1", keras.applications.mobilenet),
        ("mobilenet-v2", keras.applications.mobilenet_v2),
    ):
        ours = normalize(pixels, BACKBONES[name].mean, BACKBONES[name].std)
        assert np.allclose(ours, module.preprocess_input(pixels.astype(np.float32)), atol=1e-6)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_pixels_of_v3_are_normalised_as_its_first_layer_would(kind):
    backbone = find_backbone(f"mobilenet-v3-{kind}-0.75", 64)
    ours = backbone.load(weights=False)
    application = getattr(keras.applications, f"MobileNetV3{kind.title()}")
    theirs = application((64, 64, 3), alpha=0.75, include_top=False, weights=None, pooling="avg")
    theirs.set_weights(ours.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    found = ours(normalize(pixels, backbone.mean, backbone.std), training=False)
    expected = theirs(pixels.astype(np.float32), training=False)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-6 * float(np.abs(expected).max()))


def test_published_accuracies_belong_to_a_size():
    assert find_backbone("mobilenet-v1-0.25").top1 == 49.8
    assert find_backbone("mobilenet-v1-0.25", 128).top1 == 41.5
    assert find_backbone("mobilenet-v2", 96).top1 == 60.3
    assert find_backbone("mobilenet-v2", 256).top1 is None
    assert find_backbone("mobilenet-v1", 96).top1 is None
    assert find_backbone("efficientnet-lite0").top1 == 75.1


def test_every_accuracy_has_a_source():
    for backbone in BACKBONES.values():
        assert bool(backbone.top1_source) == (backbone.top1 is not None) == backbone.pretrained


def test_multiply_adds_grow_with_the_image():
    at_224, at_448 = find_backbone("mobilenet-v1"), find_backbone("mobilenet-v1", 448)
    assert at_448.mmacs == 4 * at_224.mmacs
    assert at_448.preprocessing.width == 448


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        (
            "mobilenet-v2",
            100,
            "mobilenet-v2 does not support images of 100 pixels: use a multiple of 32 from 32 to 512",
        ),
        ("mobilenet-v2", 0, "does not support images of 0 pixels"),
        ("efficientnet-lite0", 544, "does not support images of 544 pixels"),
        ("efficientnet-lite1", 225, "use a multiple of 32 from 32 to 512 or 240"),
        ("cnn", 32, "cnn does not support images of 32 pixels: use 28"),
    ],
)
def test_sizes_that_a_network_does_not_take(name, size, said):
    with pytest.raises(UsageError, match=said):
        find_backbone(name, size)
