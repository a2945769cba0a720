"""How much of the pictures of a data set lies outside what the network sees."""

import pytest

from edgecls.images.framing import Preprocessing
from edgecls.training.data.dataset import Dataset
from edgecls.training.unseen import much_is_unseen, unseen_share, warn_of_unseen

SQUARE = Preprocessing(224, 224)


def pictures(*aspects):
    return Dataset((), (), "", aspects=aspects)


@pytest.mark.parametrize(("aspect", "share"), [(1, 0), (2, 0.5), (0.5, 0.5), (16 / 9, 7 / 16), (0.001, 0.999)])
def test_the_share_of_the_area(aspect, share):
    assert unseen_share(pictures(aspect), SQUARE) == pytest.approx(share, abs=0.001)


def test_a_crop_counts_but_does_not_make_pictures_wide():
    spec = Preprocessing(224, 224, "crop", 0.5)
    assert unseen_share(pictures(1.0), spec) == pytest.approx(0.75, abs=0.001)
    assert not much_is_unseen(pictures(1.0), spec)


@pytest.mark.parametrize(
    ("aspects", "much"),
    [
        ([4 / 3] * 4, False),
        ([3 / 4] * 4, False),
        ([3 / 2] * 4, True),
        ([1, 1, 1, 16 / 9], True),
        ([1, 1, 1, 1, 1, 16 / 9], False),
        ([1], False),
    ],
)
def test_when_it_is_much(aspects, much):
    assert much_is_unseen(pictures(*aspects), SQUARE) == much


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_nothing_is_reported_where_all_is_seen(fit, caplog):
    warn_of_unseen(pictures(3.0), Preprocessing(224, 224, fit))
    assert not caplog.records
    warn_of_unseen(pictures(3.0), SQUARE)
    assert "67 % of the images' area" in caplog.text
