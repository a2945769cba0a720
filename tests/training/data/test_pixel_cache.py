"""Model-sized pixels are decoded once, are those that the device feeds, and lie on disk where they are many."""

import numpy as np
import pytest
from image_folders import image
from pictures import encode, noise

from edgecls.errors import BadData
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.progress import Progress
from edgecls.training.data import pixel_cache
from edgecls.training.data.losses import Losses
from edgecls.training.data.pixel_cache import cache_pixels
from edgecls.training.data.sample import Sample

SPEC = Preprocessing(24, 24, "crop", 0.875)


@pytest.fixture
def samples(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(encode(noise(60, 40, number)))
    return [Sample(path, "ab"[number % 2]) for number, path in enumerate(paths)]


def cache(folder, samples, losses=None):
    return cache_pixels(
        folder / "pixels", samples, SPEC, Losses() if losses is None else losses, Progress(), "caching pixels"
    )


@pytest.mark.parametrize("limit", [0, 10**9])
def test_pixels_are_those_that_the_device_feeds(samples, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(pixel_cache, "IN_MEMORY", limit)
    pixels = cache(tmp_path, samples)
    expected = [load_pixels(sample.path.read_bytes(), SPEC) for sample in samples]
    assert np.array_equal(pixels.read(np.array([4, 0])), [expected[4], expected[0]])
    assert np.array_equal(pixels.read(3), expected[3])
    assert not (tmp_path / "pixels").exists()  # on disk or not, no file is left behind


def test_an_image_that_is_gone_is_left_out(samples, tmp_path):
    samples[2].path.unlink()
    losses = Losses()
    pixels = cache(tmp_path, samples, losses)
    assert pixels.samples == (*samples[:2], *samples[3:])
    assert len(losses) == 1
    assert np.array_equal(pixels.read(2), load_pixels(samples[3].path.read_bytes(), SPEC))


def test_a_class_without_images_is_an_error(samples, tmp_path):
    for sample in samples[1::2]:
        sample.path.unlink()
    with pytest.raises(BadData, match="no image of class 'b' can be read any more"):
        cache(tmp_path, samples)


@pytest.mark.slow
def test_an_image_is_read_twice_for_training_and_three_times_for_the_test(tmp_path, monkeypatch):
    """Once to check it, and once for its pixels; a test image once by each of the two models that are measured."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from quick import convert

    from edgecls.training.backbones import BACKBONES, Backbone
    from edgecls.training.settings import Training

    tiny = Backbone("tiny", "tiny_backbone:build", "keras", 24, 127.0, 128.0, "Apache-2.0")
    monkeypatch.setitem(BACKBONES, "tiny", tiny)
    for label in ("blue", "green", "red"):
        for number in range(10):
            path = tmp_path / "data" / label / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image(label, seed=number))
    reads = []
    read = Sample.read
    monkeypatch.setattr(Sample, "read", lambda self: reads.append(self.path) or read(self))
    training = Training(fine_tune="all", epochs=2, augmentation="auto")
    dataset = convert(tmp_path / "data", tmp_path / "m.tflite", training=training, max_drop=1).dataset
    counts = {
        split: {reads.count(sample.path) for sample in dataset.of(split)} for split in ("train", "validation", "test")
    }
    assert counts == {"train": {2}, "validation": {2}, "test": {3}}
