import keras
import numpy as np
import pytest
from keras import layers

from edgecls.training.report.grad_cam import heat_maps

LEFT_RED = np.zeros((1, 8, 8, 3), np.float32)
LEFT_RED[:, :, :4, 0] = LEFT_RED[:, :, 4:, 2] = 1


def see_colours(end):
    """A network whose class n is the share of channel n: red, green, blue."""
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 1, use_bias=False, activation="relu", name="conv")(pixels)
    features = end(x)
    network = keras.Model(pixels, layers.Dense(3, activation="softmax", name="probabilities")(features))
    network.get_layer("conv").set_weights([np.eye(3).reshape(1, 1, 3, 3)])
    if features.shape[1] == 3:
        network.layers[-1].set_weights([np.eye(3), np.zeros(3)])
    else:
        network.layers[-1].set_weights([np.tile(np.eye(3), (64, 1)), np.zeros(3)])
    return network


def go_on_with_pooled(x):
    """As MobileNet v3 ends: a convolution of one place behind the pooling."""
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(3, 1, kernel_initializer=keras.initializers.Constant(np.eye(3).reshape(1, 1, 3, 3)))(x)
    return layers.Flatten(name="features")(x)


@pytest.mark.parametrize(
    "end",
    [layers.GlobalAveragePooling2D(name="features"), layers.Flatten(name="features"), go_on_with_pooled],
    ids=["pooled", "flattened", "convolved behind the pooling"],
)
def test_a_class_lights_up_where_it_is_seen(end):
    heat = heat_maps(see_colours(end), np.repeat(LEFT_RED, 3, axis=0), np.array([0, 1, 2]))
    assert heat.dtype == np.float32
    left = np.repeat([[1, 1, 1, 1, 0, 0, 0, 0]], 8, axis=0)
    np.testing.assert_allclose(heat, [left, np.zeros((8, 8)), 1 - left], atol=1e-6)


def test_behind_a_pooling_it_is_the_class_activation_map():
    """Zhou et al. 2016: there the weights of the dense layer are the derivatives."""
    keras.utils.set_random_seed(3)
    pixels = keras.Input((12, 12, 3))
    maps = layers.Conv2D(5, 3, activation="relu", name="conv")(pixels)
    pooled = layers.GlobalAveragePooling2D(name="features")(maps)
    network = keras.Model(pixels, layers.Dense(4, activation="softmax", name="probabilities")(pooled))
    image = np.random.default_rng(0).normal(size=(1, 12, 12, 3)).astype(np.float32)
    activations = keras.Model(pixels, maps)(image).numpy()[0]
    for label in range(4):
        expected = np.maximum(activations @ network.layers[-1].get_weights()[0][:, label], 0)
        heat = heat_maps(network, image, np.array([label]))[0]
        np.testing.assert_allclose(heat, expected / expected.max(), atol=1e-5)


def test_where_each_place_counts_by_itself_places_that_speak_against_a_class_do_not_hide_the_others():
    """The mean derivative is 0: Grad-CAM's map would be empty."""
    network = see_colours(layers.Flatten(name="features"))
    signs = np.where(np.arange(8) < 4, 1.0, -1.0)[np.newaxis, :, np.newaxis]
    kernel = np.zeros((8, 8, 3, 3))
    kernel[:, :, 0, 0] = signs[..., 0]
    network.layers[-1].set_weights([kernel.reshape(192, 3), np.zeros(3)])
    heat = heat_maps(network, np.ones((1, 8, 8, 3), np.float32), np.array([0]))[0]
    np.testing.assert_allclose(heat, np.repeat([[1, 1, 1, 1, 0, 0, 0, 0]], 8, axis=0), atol=1e-6)


def test_images_do_not_change_each_other():
    network = see_colours(layers.GlobalAveragePooling2D(name="features"))
    images = np.random.default_rng(1).uniform(size=(3, 8, 8, 3)).astype(np.float32)
    together = heat_maps(network, images, np.array([0, 1, 2]))
    alone = [heat_maps(network, images[i : i + 1], np.array([i]))[0] for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-6)
