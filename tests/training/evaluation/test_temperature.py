import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from scipy.special import softmax

from edgecls.training.evaluation.temperature import BOUNDS, at_bound, ece, fit_temperature, nll, unscale


def network(seed, n=4000, classes=4, spread=2.0):
    """(calibrated logits, truth): the truth is drawn from what the logits say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, classes))
    truth = (softmax(logits, axis=1).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return logits, truth


@given(st.integers(0, 1000), st.floats(0.2, 6), st.integers(2, 8))
def test_what_a_network_exaggerates_is_found(seed, factor, classes):
    logits, truth = network(seed, classes=classes)
    assert fit_temperature(logits * factor, truth) == pytest.approx(factor, rel=0.1)


@given(st.integers(0, 1000), st.floats(0.3, 5))
def test_no_other_temperature_is_likelier(seed, factor):
    """The doubt, a tenth of an image among 2,000, is below what is compared."""
    logits, truth = network(seed, n=2000)
    logits = logits * factor
    best = nll(logits, truth, fit_temperature(logits, truth))
    assert all(best <= nll(logits, truth, t) + 1e-6 for t in np.geomspace(*BOUNDS, 60))


@given(st.integers(0, 1000), st.floats(0.5, 4))
def test_logits_twice_as_large_want_twice_the_temperature(seed, factor):
    logits, truth = network(seed, n=300)
    once = fit_temperature(logits, truth)
    assert fit_temperature(logits * factor, truth) == pytest.approx(once * factor, rel=1e-3)


def test_scores_mean_more_afterwards():
    logits, truth = network(3)
    before = softmax(logits * 3, axis=1)
    after = softmax(logits * 3 / fit_temperature(logits * 3, truth), axis=1)
    assert ece(before, truth) > 0.1
    assert ece(after, truth) < 0.03
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()


@pytest.mark.parametrize("n", [1, 10, 100, 1000])
def test_all_right_makes_no_certainty(n):
    """n right ones speak for a probability of n / (n + 0.1), however far apart the logits are."""
    for gap in (1.0, 5.0, 12.0):
        logits = np.tile([gap, 0.0], (n, 1))
        temperature = fit_temperature(logits, np.zeros(n, int))
        expected = gap / np.log(n / 0.1)
        assert temperature == pytest.approx(np.clip(expected, *BOUNDS), rel=1e-3)


def test_all_wrong_stops_at_the_bound():
    assert fit_temperature(np.tile([9.0, 0.0], (50, 1)), np.ones(50, int)) == pytest.approx(BOUNDS[1], rel=1e-3)


@pytest.mark.parametrize(
    ("logits", "truth"),
    [
        (np.zeros((0, 3)), []),
        (np.full((4, 1), 2.0), [0, 0, 0, 0]),
        (np.full((3, 2), 5.0), [0, 1, 0]),
        ([[1.0, 2.0]], [-1]),
    ],
)
def test_where_there_is_nothing_to_fit(logits, truth):
    assert fit_temperature(np.array(logits), np.array(truth, int)) == 1.0


def test_images_of_other_classes_count_for_nothing():
    logits, truth = network(5, n=200)
    more = np.concatenate([logits, np.full((20, 4), 7.0)])
    assert fit_temperature(more, np.append(truth, [-1] * 20)) == fit_temperature(logits, truth)


def test_a_network_that_diverged():
    with pytest.raises(ValueError, match="not finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))


def test_a_fit_that_ended_at_its_bound():
    assert at_bound(fit_temperature(np.tile([9.0, 0.0], (50, 1)), np.ones(50, int)))
    assert at_bound(fit_temperature(np.tile([0.01, 0.0], (50, 1)), np.zeros(50, int)))
    assert not at_bound(fit_temperature(*network(3)))


@given(st.integers(0, 1000), st.floats(0.3, 5))
def test_what_was_scaled_can_be_taken_back(seed, temperature):
    logits, _ = network(seed, n=50)
    scaled = softmax(logits / temperature, axis=1).astype(np.float32)
    np.testing.assert_allclose(unscale(scaled, temperature), softmax(logits, axis=1), atol=1e-4)
    assert np.isfinite(unscale(np.array([[1.0, 0.0]], np.float32), temperature)).all()


def test_large_logits_do_not_overflow():
    logits = np.array([[9000.0, 0.0], [0.0, 9000.0]], np.float32)
    assert nll(logits, np.array([0, 0])) == pytest.approx(4500)
    assert fit_temperature(logits, np.array([0, 0])) == pytest.approx(BOUNDS[1], rel=1e-3)


def test_nll_and_ece_by_hand():
    logits = np.log([[0.8, 0.2], [0.6, 0.4]])
    assert nll(logits, np.array([0, 1])) == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert nll(logits * 2, np.array([0, 1]), 2.0) == pytest.approx(nll(logits, np.array([0, 1])))
    assert ece(np.exp(logits), np.array([0, 1])) == pytest.approx((0.2 + 0.6) / 2)
    assert ece(np.exp(logits), np.array([0, -1])) == pytest.approx((0.2 + 0.6) / 2)
