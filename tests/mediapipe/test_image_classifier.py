"""Our model files are TFLite Metadata models as others read them: MediaPipe Tasks opens one and gives our answers.

Run in an environment of its own (`nox -s mediapipe`): mediapipe's OpenCV and ours would overwrite each other.
MediaPipe stretches the whole image to the network's input, edgecls takes its centre, so both get pixels that are
already of that size.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
from paths import SHARED_DATA

# Not "mediapipe" alone: this very folder would be found.
pytest.importorskip("mediapipe.tasks.python.vision", reason="needs an environment of its own: nox -s mediapipe")
pytest.importorskip("skimage", reason="scikit-image has the photographs")

import mediapipe
import skimage.data
from mediapipe.tasks.python import BaseOptions, vision

from edgecls import Classifier
from edgecls.images.preprocess import load_pixels
from edgecls.model.bundled import default_model

TOLERANCE = 2 / 256
"""Of a score. MediaPipe has a TFLite of its own, and where processors differ int8 kernels may round differently."""
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
SHARED = SHARED_DATA / "imagenet50"


def photographs():
    """100 pictures out of those that come with scikit-image: parts of all sizes, some mirrored, dark or bright."""
    rng = np.random.default_rng(0)
    originals = [cv2.imread(str(Path(skimage.data.__file__).parent / name)) for name in PHOTOGRAPHS]
    return [variant(originals[i % len(originals)], rng) for i in range(100)]


def variant(image, rng):
    """A square part of an image, RGB."""
    height, width = image.shape[:2]
    side = int(rng.uniform(0.4, 1) * min(height, width))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    part = np.clip(image[top : top + side, left : left + side] * rng.uniform(0.6, 1.4), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(part[:, :: rng.choice([-1, 1]), ::-1])


@pytest.fixture(scope="module")
def ours():
    return Classifier(default_model())


def opened(path):
    """By MediaPipe; to be closed."""
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(path)))
    return vision.ImageClassifier.create_from_options(options)


@pytest.fixture(scope="module")
def theirs():
    with opened(default_model()) as classifier:
        yield classifier


def their_scores(classifier, pixels):
    """label -> score, the highest first."""
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
    (head,) = classifier.classify(image).classifications
    return {category.category_name: category.score for category in head.categories}


def compare(ours, theirs, images):
    """How many of `images` have the very same first label; wherever it is another, the two must be tied.

    Of equal scores edgecls takes the label that comes first, MediaPipe another one.
    """
    same = 0
    for image in images:
        pixels = load_pixels(image, ours.preprocessing)
        (first, *_) = ours.classify(image).top_k
        scores = their_scores(theirs, pixels)
        assert scores[first.label] == pytest.approx(first.score, abs=TOLERANCE)
        assert scores[first.label] >= max(scores.values()) - TOLERANCE
        same += first.label == max(scores, key=scores.get)
    return same


def test_it_finds_the_labels(ours, theirs):
    assert their_scores(theirs, photographs()[0]).keys() == set(ours.model.labels)


def test_the_first_label_is_ours_on_100_photographs(ours, theirs):
    assert len(photographs()) == 100
    assert compare(ours, theirs, photographs()) >= 97  # the others are ties


def test_the_photographs_are_of_many_things(ours):
    assert len({ours.classify(image).label for image in photographs()}) > 15


def test_the_comparison_sees_exchanged_colours(ours, theirs):
    with pytest.raises(AssertionError):
        compare(ours, Exchanged(theirs), photographs())


class Exchanged:
    """MediaPipe's classifier, given blue for red."""

    def __init__(self, classifier):
        self.classifier = classifier

    def classify(self, image):
        pixels = np.ascontiguousarray(image.numpy_view()[..., ::-1])
        return self.classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))


def test_a_model_of_another_size_with_other_labels(tiny_model):
    with opened(tiny_model.path) as classifier:
        assert their_scores(classifier, photographs()[0]).keys() == set(tiny_model.labels)
        assert compare(Classifier(tiny_model), classifier, photographs()) >= 97


@pytest.mark.skipif(not SHARED.is_dir(), reason="these photographs of ImageNet are not here")
def test_photographs_of_imagenet(ours, theirs):
    images = [path.read_bytes() for path in sorted(SHARED.glob("*.JPEG"))]
    assert len(images) == 50
    assert compare(ours, theirs, images) >= 48
