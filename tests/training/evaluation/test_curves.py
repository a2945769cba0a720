import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_predictions import of_answers, of_scores

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from edgecls.training.evaluation.curves import (
    coverage_curve,
    precision_recall_curves,
    reliability_bins,
    reliability_curve,
)

SCORED = st.lists(st.tuples(st.integers(0, 256), st.booleans()), min_size=1, max_size=80)


def test_precision_and_recall_of_each_label_by_hand():
    scores = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]
    cat, dog = precision_recall_curves(of_scores(["cat", "cat", "dog", "dog"], scores, ["cat", "dog"]))
    assert (cat.label, dog.label) == ("cat", "dog")
    assert cat.threshold == pytest.approx([0.2, 0.6, 0.7, 0.9])
    assert cat.precision == pytest.approx([2 / 4, 2 / 3, 1 / 2, 1])
    assert cat.recall == pytest.approx([1, 1, 1 / 2, 1 / 2])
    assert cat.average_precision == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_a_label_that_no_image_has_gets_no_curve():
    found = precision_recall_curves(of_scores(["a", "z"], [[0.5, 0.3, 0.2]] * 2, ["a", "b", "c"]))
    assert [curve.label for curve in found] == ["a"]


def test_a_score_on_an_edge_belongs_to_the_bin_below():
    found = reliability_bins(np.array([0.0, 0.5, 0.500001, 1.0]), np.array([False, True, False, True]), bins=2)
    assert found.edges.tolist() == [0, 0.5, 1]
    assert found.count.tolist() == [2, 2]
    assert found.accuracy.tolist() == [0.5, 0.5]
    assert found.score == pytest.approx([0.25, 0.75], abs=1e-6)
    assert found.error == pytest.approx(0.25, abs=1e-6)


def test_empty_bins_are_not_a_number_and_weigh_nothing():
    found = reliability_curve(of_answers(["a", "b"], ["a", "a"], score=[0.9, 0.92], labels=["a", "b"]))
    assert (len(found.count), found.count.sum(), np.isnan(found.score).sum()) == (15, 2, 14)
    assert found.error == pytest.approx(0.91 - 0.5)


@given(SCORED)
def test_the_bins_hold_every_image_once(scored):
    top, right = np.array([s for s, _ in scored]) / 256, np.array([r for _, r in scored])
    found = reliability_bins(top, right)
    filled = found.count > 0
    assert found.count.sum() == len(top)
    assert np.dot(found.count[filled], found.accuracy[filled]) == pytest.approx(right.sum())
    assert np.dot(found.count[filled], found.score[filled]) == pytest.approx(top.sum())
    assert abs(right.mean() - top.mean()) - 1e-9 <= found.error <= 1


def test_coverage_by_hand():
    """Two images with one score are answered together or not at all."""
    found = coverage_curve(of_answers(["a", "a", "a", "b"], ["a", "a", "b", "a"], score=[0.9, 0.8, 0.8, 0.7]))
    assert found.threshold == pytest.approx([0.9, 0.8, 0.7])
    assert found.coverage.tolist() == [0.25, 0.75, 1]
    assert found.accuracy == pytest.approx([1, 2 / 3, 0.5])


@given(SCORED)
def test_coverage_is_what_each_threshold_gives(scored):
    answers = ["a" if right else "b" for _, right in scored]
    predictions = of_answers(["a"] * len(scored), answers, [0.5 + s / 512 for s, _ in scored], labels=["a", "b"])
    found = coverage_curve(predictions)
    for threshold, coverage, accuracy in zip(found.threshold, found.coverage, found.accuracy, strict=True):
        answered = predictions.top >= threshold
        assert coverage == pytest.approx(answered.mean())
        assert accuracy == pytest.approx(predictions.right[answered].mean())
    assert found.coverage[-1] == 1
    assert np.all(np.diff(found.threshold) < 0)
