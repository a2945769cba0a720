import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import tiny_backbone

from edgecls.training.backbones import find_backbone
from edgecls.training.fitting.graph import cut_points, lower_part, upper_part
from edgecls.training.fitting.head import new_head
from edgecls.training.fitting.plan import BYTES, Cut, candidate_cuts, make_plan, seconds_afterwards

CUTS = [Cut(None, 1.0), Cut("low", 0.8, 9000), Cut("middle", 0.5, 4000), Cut("high", 0.1, 1000)]
ROOM = 1e9


def taking(seconds):
    """A machine on which a training step of the whole network takes `seconds` for an image, a look a third of it."""
    return lambda cut: (cut.share * seconds, (1 - cut.share) * seconds / 3)


@given(st.floats(0, 1000), st.floats(0.001, 0.1), st.integers(10, 5000), st.floats(1e3, 1e9))
def test_a_plan_keeps_to_its_budget(budget, seconds, images, room):
    plan = make_plan(CUTS, 15, (images, images // 5), taking(seconds), budget, room)
    assert plan.seconds <= budget * (1 + 1e-9) or plan.epochs == 0
    longer = make_plan(CUTS, 15, (images, images // 5), taking(seconds), budget * 2, room)
    assert longer.share >= plan.share
    if longer.cut == plan.cut:
        assert longer.epochs >= plan.epochs


def test_the_deepest_for_which_there_is_time():
    def plan(budget):
        return make_plan(CUTS, 15, (1000, 100), taking(0.01), budget, ROOM)

    assert (plan(math.inf).cut, plan(math.inf).epochs) == (None, 15)
    assert (plan(90.0).cut, plan(90.0).epochs) == (None, 8)  # less of it for 15 epochs would not be as good
    assert (plan(80.0).cut, plan(80.0).epochs) == ("low", 8)
    assert (plan(60.0).cut, plan(60.0).epochs) == ("middle", 8)
    assert (plan(12.0).cut, plan(12.0).epochs) == ("high", 2)  # better than nothing
    assert plan(1.0).epochs == 0


def test_no_cut_is_measured_above_one_that_fits():
    measured = []

    def seconds(cut):
        measured.append(cut.layer)
        return taking(0.01)(cut)

    make_plan(CUTS, 15, (1000, 100), seconds, 80.0, ROOM)
    assert measured == [None, "low"]


def test_what_comes_afterwards_depends_on_the_network_and_the_images():
    """A step of an image takes 0.11 s with EfficientNet-Lite0 on 2 cores, 0.001 s with the network for digits."""
    assert 30 < seconds_afterwards(0.11, 600) < 60
    assert seconds_afterwards(0.001, 2000) < 10
    assert seconds_afterwards(0.11, 20_000) > 300


@given(st.floats(0, 1e10), st.integers(10, 50_000))
def test_cached_variants_fit_into_the_room(room, images):
    plan = make_plan(CUTS, 10, (images, images // 5), taking(0.01), 50.0, room)
    size = {cut.layer: cut.size for cut in CUTS}[plan.cut]
    assert 1 <= plan.variants <= 10
    assert plan.variants == 1 or plan.variants * images * size * BYTES <= room


def test_what_may_be_trained():
    network = new_head(find_backbone("efficientnet-lite0").load(weights=False), 3, 0.2, 0)
    everything = candidate_cuts(network, whole=False)
    shares = [cut.share for cut in everything]
    assert everything[0] == Cut("block7_add", pytest.approx(0.59, abs=0.01), 14 * 14 * 80)
    assert shares == sorted(shares, reverse=True)
    assert candidate_cuts(network, whole=True) == [Cut(None, 1.0)]


def test_both_parts_make_the_whole():
    import numpy as np

    network = new_head(tiny_backbone.build(24), 3, 0.2, 0)
    pixels = np.random.default_rng(0).normal(size=(2, 24, 24, 3)).astype(np.float32)
    for cut in cut_points(network):
        lower, upper = lower_part(network, cut), upper_part(network, cut)
        assert np.allclose(upper(lower(pixels)), network(pixels), atol=1e-6)
