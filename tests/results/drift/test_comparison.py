"""Two samples of one distribution, or not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.results.drift import comparison
from edgecls.results.drift.comparison import FrameCounts, compare_distributions, design_effect, p_value, stability_index

pytestmark = pytest.mark.slow

SHARES = np.array([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])


def independent(chance, n, shares=SHARES):
    return FrameCounts(chance.multinomial(n, shares)[None], independent=True)


def scenes(chance, hours, shares=SHARES):
    """Frames of a camera: each hour is of its own, and a frame mostly shows what the last one did."""
    counts = np.zeros((hours, len(shares)), np.int64)
    for hour in range(hours):
        of_hour = chance.dirichlet(shares * 20)
        visits = chance.choice(len(shares), size=6, p=of_hour)
        np.add.at(counts[hour], visits, chance.geometric(0.1, size=6))
    return FrameCounts(counts)


def false_alarms(sample, other, alpha, repeats=200):
    chance = np.random.default_rng(0)
    return np.mean([p_value(sample(chance), other(chance)) < alpha for _ in range(repeats)])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(comparison, "REPLICATES", 499)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("sample", "other"),
    [
        (lambda chance: independent(chance, 300), lambda chance: independent(chance, 500)),
        (lambda chance: independent(chance, 20), lambda chance: independent(chance, 30)),
        (lambda chance: scenes(chance, 24), lambda chance: scenes(chance, 72)),
        (lambda chance: scenes(chance, 24), lambda chance: independent(chance, 400)),
    ],
    ids=["independent", "few", "scenes", "scenes against images"],
)
def test_false_alarms_are_about_as_rare_as_stated(sample, other):
    assert false_alarms(sample, other, 0.1) < 0.16
    assert false_alarms(sample, other, 0.01) < 0.04


@pytest.mark.usefixtures("quick")
def test_without_the_correction_scenes_would_be_one_long_alarm():
    def naive(chance):
        return FrameCounts(scenes(chance, 24).counts, independent=True)

    assert false_alarms(naive, naive, 0.01, 50) > 0.8


@pytest.mark.usefixtures("quick")
def test_what_has_changed_is_found():
    other = np.roll(SHARES, 1)
    found = [
        p_value(scenes(chance, 24), scenes(chance, 72, other)) < 0.01
        for chance in map(np.random.default_rng, range(30))
    ]
    assert np.mean(found) > 0.9


def test_the_index_by_hand():
    counts, before = np.array([50, 50]), np.array([80, 20])
    p, q = 50.5 / 101, np.array([80.5, 20.5]) / 101
    expected = (p - q) * np.log(p / q)
    assert stability_index(counts, before) == pytest.approx(expected)
    assert stability_index(counts, counts * 1000).sum() < 1e-4


def test_a_label_that_one_side_lacks_has_a_finite_part():
    assert 0.2 < stability_index(np.array([90, 10]), np.array([100, 0])).sum() < 1


def test_hours_that_repeat_one_frame_are_worth_one_frame_each():
    chance = np.random.default_rng(0)
    once = chance.multinomial(1, SHARES, size=200)
    assert design_effect(once) == pytest.approx(1, abs=0.2)
    assert FrameCounts(once * 50).effective_n == pytest.approx(200, rel=0.2)
    assert FrameCounts(once * 50, independent=True).effective_n == 10_000


@pytest.mark.parametrize("counts", [[[5, 0]], [[5, 0], [3, 0]], [[0, 0], [4, 4]]])
def test_what_has_no_spread_is_worth_what_it_counts(counts):
    assert design_effect(np.array(counts)) == 1


tables = st.lists(st.lists(st.integers(0, 200), min_size=4, max_size=4), min_size=1, max_size=5).filter(
    lambda rows: sum(map(sum, rows)) > 0
)


@settings(max_examples=40, deadline=None)
@given(tables, tables)
def test_whatever_the_counts_all_figures_are_finite(new, old):
    found = compare_distributions(tuple("abcd"), FrameCounts(np.array(new)), FrameCounts(np.array(old)))
    assert np.isfinite(found.psi)
    assert found.psi >= 0
    assert 1e-4 <= found.p <= 1
    assert 1 <= found.effective_n <= found.n
    assert sum(each.share for each in found.categories) == pytest.approx(1)
    assert (
        compare_distributions(tuple("abcd"), FrameCounts(np.array(new)), FrameCounts(np.array(old))) == found
    )  # the seed is fixed
