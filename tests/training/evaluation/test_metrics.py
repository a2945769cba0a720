import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

from edgecls.training.evaluation.metrics import (  # noqa: E402
    SCORE_FLOOR,
    accuracy_interval,
    are_probabilities,
    log_loss,
    top_k_accuracy,
)

OUTCOMES = st.lists(st.booleans(), min_size=1, max_size=200).map(np.array)


def outcomes(right, n):
    return np.arange(n) < right


@given(OUTCOMES, st.integers(1, 12))
def test_the_interval_holds_the_accuracy_and_lies_in_0_to_1(right, size):
    for groups in (None, [str(n // size) for n in range(len(right))]):
        low, high = accuracy_interval(right, groups)
        assert 0 <= low <= right.mean() <= high <= 1
        assert low < high


def test_the_interval_is_what_a_drawn_bootstrap_finds():
    right = outcomes(86, 100)
    drawn = np.random.default_rng(1).choice(right, (20_000, 100)).mean(axis=1)
    assert accuracy_interval(right) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.011)


def test_more_images_narrow_it():
    widths = [np.diff(accuracy_interval(outcomes(4 * n // 5, n)))[0] for n in (10, 100, 1000, 10_000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 10_000), rel=0.02)


def test_all_right_is_no_certainty():
    low, high = accuracy_interval(outcomes(30, 30))
    assert (low, high) == (pytest.approx(0.025 ** (1 / 30)), 1)
    assert accuracy_interval(outcomes(0, 30)) == (0, pytest.approx(1 - low))


def test_groups_of_one_are_single_images():
    right = outcomes(70, 100)
    expected = accuracy_interval(right)
    assert accuracy_interval(right, [str(n) for n in range(100)]) == expected
    assert accuracy_interval(right, [None, *[str(n) for n in range(99)]]) == expected


def test_images_without_a_group_do_not_form_one():
    right = outcomes(70, 100)
    assert accuracy_interval(right, [None] * 98 + ["pair"] * 2) == pytest.approx(accuracy_interval(right), abs=0.02)


def test_groups_are_drawn_whole():
    """Ten groups, each all right or all wrong: as good as ten images."""
    right = np.repeat(outcomes(7, 10), 50)
    found = accuracy_interval(right, [str(n // 50) for n in range(500)])
    assert found == pytest.approx(accuracy_interval(outcomes(7, 10)), abs=0.01)
    assert found == accuracy_interval(right, [str(n // 50) for n in range(500)])


def test_a_single_group_says_next_to_nothing():
    low, high = accuracy_interval(outcomes(5, 10), ["g"] * 10)
    assert low < 0.02
    assert high > 0.98


@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_log_loss_is_scikit_learns_where_no_score_is_under_the_floor(classes, n, seed):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(classes), n) * 0.9 + 0.1 / classes
    truth = rng.integers(0, classes, n)
    expected = sklearn_metrics.log_loss(truth, scores, labels=range(classes))
    assert log_loss(scores, truth) == pytest.approx(expected)


def test_a_score_of_0_costs_what_half_a_step_costs():
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(SCORE_FLOOR))


def test_images_of_other_classes_have_no_log_loss():
    scores = np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)
    assert log_loss(scores, np.array([0, -1])) == pytest.approx(np.log(2))
    assert log_loss(scores, np.array([-1, -1])) is None


def test_top_k():
    scores = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0.2, 0.3, 0.5]])
    truth = np.array([2, 2, -1])
    assert [top_k_accuracy(scores, truth, k) for k in (1, 2, 3)] == pytest.approx([0, 1 / 3, 2 / 3])


def test_what_can_be_a_probability():
    assert are_probabilities(np.array([[0.0, 1.0], [0.3, 0.2]]))
    assert not are_probabilities(np.array([[0.5, -0.1]]))
    assert not are_probabilities(np.array([[0.5, 1.1]]))
    assert not are_probabilities(np.array([[0.5, np.nan]]))
