"""Which fit heads on the training images find best."""

import numpy as np

from edgecls.training.fitting.choose_fit import choose_fit, cross_validated_losses

CHANCE = np.random.default_rng(0)
CLASSES = np.arange(90) % 3
TELLING = (np.eye(8)[CLASSES] * 3 + CHANCE.normal(size=(90, 8))).astype(np.float32)
TELLING_NOTHING = CHANCE.normal(size=(90, 8)).astype(np.float32)


def test_features_that_tell_the_classes_have_the_lower_loss():
    telling, nothing = cross_validated_losses(TELLING, CLASSES), cross_validated_losses(TELLING_NOTHING, CLASSES)
    assert telling.shape == (90,)
    assert telling.mean() < 0.6
    assert nothing.mean() > 1


def test_no_head_has_seen_the_image_it_is_asked_about():
    """Each image with a feature of its own: known by heart, but for nothing."""
    assert cross_validated_losses(np.eye(90, dtype=np.float32), CLASSES).mean() > 1


def test_classes_of_one_image_and_too_few_to_say_anything():
    classes = np.array([0] * 6 + [1] * 5 + [2])
    assert np.isfinite(cross_validated_losses(TELLING[:12], classes)).all()
    assert np.isfinite(cross_validated_losses(TELLING[:2], np.array([0, 1]))).all()


def test_the_best_is_chosen_where_it_is_surely_better():
    crop, stretch, pad = (cross_validated_losses(each, CLASSES) for each in (TELLING_NOTHING, TELLING, TELLING * 0.1))
    assert choose_fit({"crop": crop, "stretch": stretch, "pad": crop}) == "stretch"
    assert choose_fit({"crop": crop, "stretch": crop + 1, "pad": pad}) == "pad"
    assert choose_fit({"crop": stretch, "stretch": crop, "pad": crop}) == "crop"


def test_crop_stays_where_the_difference_may_be_chance():
    crop = np.full(50, 0.5)
    assert choose_fit({"crop": crop, "stretch": crop, "pad": crop}) == "crop"
    by_chance = np.where(np.arange(50) < 3, 0.1, 0.505)
    assert choose_fit({"crop": crop, "stretch": by_chance, "pad": crop}) == "crop"
