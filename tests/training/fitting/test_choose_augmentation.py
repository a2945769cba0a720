"""The views of a data set are those that a head knows as well as the images."""

import numpy as np
import pytest

from edgecls.training.fitting.augment import PRESETS
from edgecls.training.fitting.choose_augmentation import MAX_IMAGES, TRANSFORMS, choose_preset

IMAGES, CLASSES = 120, 4


class Heads:
    """Heads of a data set that holds some views: what they say of an image is right, of a view that it does not hold less.

    A feature is the number of the image; a view's is that plus 0.5 if the data does not hold it.
    """

    def __init__(self, holds, surely=0.9, images=IMAGES, hardly=0.4):
        self.holds, self.surely, self.hardly = holds, surely, hardly
        self.classes = np.arange(images, dtype=np.intp) % CLASSES
        self.features = np.arange(images, dtype=np.float32)[:, np.newaxis]
        self.shown = []

    def fit(self, numbers):
        def predict(features):
            known = features[:, 0].astype(int)
            assert not set(known) & set(numbers), "an image is shown to a head that has learnt from it"
            right = np.where(features[:, 0] % 1 > 0, self.hardly, self.surely)
            probabilities = np.repeat(((1 - right) / (CLASSES - 1))[:, np.newaxis], CLASSES, axis=1)
            probabilities[np.arange(len(known)), self.classes[known]] = right
            return probabilities.astype(np.float32)

        assert set(self.classes[numbers]) == set(range(CLASSES)), "a head has not seen a class"
        return predict

    def look(self, numbers, view):
        self.shown.append((view, len(numbers)))
        return self.features[numbers] + (0 if view in self.holds else 0.5)

    def choice(self, seed=0):
        return choose_preset(self.features, self.classes, self.fit, self.look, seed)


@pytest.mark.parametrize(
    ("holds", "preset"),
    [
        ([], "digits"),
        ([np.fliplr], "photo"),
        ([np.fliplr, np.flipud], "aligned"),
        ([np.fliplr, np.flipud, np.rot90], "inspection"),
        ([np.flipud, np.rot90], "digits"),  # what may lie any way may be mirrored
    ],
)
def test_the_preset_with_the_views_that_the_data_holds(holds, preset):
    assert Heads(holds).choice() == preset


def test_a_slight_rise_of_the_loss_is_no_harm():
    assert Heads([], surely=0.8, hardly=0.79).choice() == "inspection"  # by 6 %
    assert Heads([], surely=0.8, hardly=0.77).choice() == "digits"  # by 17 %


def test_what_few_images_say_is_not_believed():
    """One in ten is thought much less of upside down, the others more: of a hundred that may be chance."""

    class Mixed(Heads):
        def look(self, numbers, view):
            self.shown.append((view, len(numbers)))
            return self.features[numbers] + np.where(self.features[numbers] % 20 < 1, 0.5, 0)

    assert Mixed([], surely=0.6, hardly=0.3, images=1000).choice() == "inspection"  # by 7 %, and 2 %
    assert Mixed([], surely=0.6, hardly=0.3, images=60).choice() == "digits"  # by 7 %, and 6 %


def test_a_rise_from_next_to_nothing_is_no_harm():
    assert Heads([], surely=0.9999, hardly=0.999).choice() == "inspection"


def test_only_some_images_are_tried():
    heads = Heads([np.fliplr], images=3 * MAX_IMAGES)
    assert heads.choice() == "photo"
    assert heads.shown == [(np.fliplr, MAX_IMAGES), (np.flipud, MAX_IMAGES)]


def test_each_preset_has_the_views_of_those_before_it():
    views = [
        {name for name in ("mirror", "flip", "turn") if getattr(PRESETS[preset], name)} for preset, _ in TRANSFORMS
    ]
    assert [len(each) for each in views] == [1, 2, 3]
    assert views[0] < views[1] < views[2]
