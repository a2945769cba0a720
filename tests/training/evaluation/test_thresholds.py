import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_predictions import of_answers, of_scores

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from edgecls.training.evaluation.thresholds import apply_thresholds, choose_thresholds, never_answered

LABELS = ("a", "b")


def answers_of(label, *outcomes):
    """[(label, score, right)] of outcomes (score, right ones, wrong ones)."""
    return [
        (label, score, right)
        for score, hits, misses in outcomes
        for right in [True] * hits + [False] * misses
    ]  # fmt: skip


def predictions_of(rows, labels=LABELS):
    other = {label: labels[(index + 1) % len(labels)] for index, label in enumerate(labels)}
    truth = [label if right else other[label] for label, _, right in rows]
    return of_answers(truth, [label for label, _, _ in rows], [score for _, score, _ in rows], labels)


def test_the_lowest_threshold_that_is_right_often_enough():
    rows = [
        *answers_of("a", (0.9375, 40, 0), (0.8125, 19, 1), (0.625, 2, 8)),
        *answers_of("b", (0.9375, 30, 0), (0.75, 10, 0)),
    ]
    found = choose_thresholds(predictions_of(rows), 0.95)
    a, b = found.labels
    assert (a.label, a.answers, a.answered, a.precision) == ("a", 70, 60, pytest.approx(59 / 60))
    assert 0.625 < a.threshold < 0.8125
    assert (b.threshold, b.answered, b.precision) == (0, 40, 1)
    assert found.unreached == ()
    assert found.by_label == {"a": a.threshold, "b": 0}
    assert found.coverage == pytest.approx(100 / 110)
    assert found.precision == pytest.approx(99 / 100)


def test_precision_that_recovers_below_is_taken():
    """One mistake at the top does not raise the threshold where enough right ones follow."""
    rows = answers_of("a", (0.9375, 5, 1), (0.75, 60, 0), (0.625, 0, 20))
    (a, _) = choose_thresholds(predictions_of(rows), 0.95).labels
    assert (a.answered, a.precision, a.reached) == (66, pytest.approx(65 / 66), True)


@pytest.mark.parametrize(("right", "reached"), [(17, False), (18, True)])
def test_a_perfect_record_must_be_long_enough(right, reached):
    """18 of 18 is the least that speaks for 0.95: 19 / 20."""
    (a, b) = choose_thresholds(predictions_of(answers_of("a", (0.75, right, 0))), 0.95).labels
    assert (a.reached, a.threshold) == (reached, 0 if reached else 1)
    assert (b.answers, b.precision) == (0, None)


def test_labels_with_few_images_share_a_threshold():
    """Ten labels, ten images each: none can show 0.95 by itself, all together can."""
    labels = tuple("abcdefghij")
    rows = [row for label in labels for row in answers_of(label, (0.875, 8, 0), (0.625, 1, 1))]
    found = choose_thresholds(predictions_of(rows, labels), 0.95)
    assert {(each.pooled, each.reached) for each in found.labels} == {(True, True)}
    assert {each.threshold for each in found.labels} == {found.labels[0].threshold}
    assert 0.625 < found.labels[0].threshold < 0.875
    assert (found.coverage, found.precision) == (0.8, 1)


def test_a_label_that_contradicts_the_shared_threshold():
    """It is wrong half the time at its surest: the others do not vouch for it, and it is not answered."""
    rows = [*answers_of("a", (0.875, 100, 0)), *answers_of("b", (0.875, 3, 3), (0.75, 0, 4))]
    a, b = choose_thresholds(predictions_of(rows), 0.95).labels
    assert (a.reached, b.reached, b.pooled) == (True, False, False)
    assert (b.answers, b.answered, b.precision) == (10, 0, None)
    assert b.threshold == 1


def test_a_label_that_was_never_answered_has_the_shared_threshold():
    rows = answers_of("a", (0.875, 60, 0), (0.625, 0, 30))
    a, b = choose_thresholds(predictions_of(rows), 0.95).labels
    assert b.threshold == a.threshold > 0.625
    assert (b.pooled, b.reached, b.answers, b.answered, b.precision) == (True, True, 0, 0, None)


def test_nothing_reaches_it():
    """Then nothing is answered: not with another precision than was asked for."""
    rows = answers_of("a", (0.875, 30, 10), (0.625, 10, 30))
    found = choose_thresholds(predictions_of(rows), 0.95)
    a, b = found.labels
    assert (a.reached, a.threshold, a.answered, a.precision) == (False, 1, 0, None)
    assert (b.reached, b.threshold) == (False, 1)
    assert (found.coverage, found.precision) == (0, None)


def test_no_int8_score_reaches_the_threshold_of_what_is_not_answered():
    silent = choose_thresholds(predictions_of(answers_of("a", (255 / 256, 1, 9))), 0.95).by_label
    for score, answered in ((255 / 256, 0), (1.0, 1)):
        assert apply_thresholds(of_scores(["a"], [[score, 0.0]], LABELS), silent).answered == answered


def test_what_is_never_answered_is_said_with_its_images():
    rows = [*answers_of("a", (0.875, 100, 0)), *answers_of("b", (0.875, 3, 3), (0.75, 0, 4))]
    found = choose_thresholds(predictions_of(rows), 0.95)
    (line,) = never_answered(found, {"a": 103, "b": 7})
    said = "b is never answered: its 7 validation images cannot show a precision of 0.95"
    assert line == f"{said}: add images, or lower --min-precision"
    assert never_answered(choose_thresholds(predictions_of(rows), 0), {"a": 103, "b": 7}) == []


def test_many_that_are_never_answered_are_one_line():
    labels = tuple("abcdefghijklmnopqrstuvwxyz")
    rows = [row for label in labels for row in answers_of(label, (0.9375, 1, 1))]
    lost = choose_thresholds(predictions_of(rows, labels), 0.9)
    (line,) = never_answered(lost, dict.fromkeys(labels, 2))
    assert line.startswith(
        "none of the labels is ever answered: their validation images cannot show a precision of 0.9: add images, or "
        "lower --min-precision: a (2), b (2), "
    )
    assert line.endswith("t (2) and 6 more")
    rows += answers_of("z", (0.9375, 50, 0))
    (line,) = never_answered(choose_thresholds(predictions_of(rows, labels), 0.9), dict.fromkeys(labels, 2))
    assert line.startswith("25 labels are never answered: ")


def test_no_precision_asked_for():
    found = choose_thresholds(predictions_of(answers_of("a", (0.75, 1, 5))), 0)
    assert (found.by_label, found.unreached, found.coverage) == ({}, (), 1)
    assert found.labels[0].answers == 6


@pytest.mark.parametrize("min_precision", [-0.1, 1.1, float("nan")])
def test_a_precision_that_is_none(min_precision):
    with pytest.raises(ValueError, match="it is a share, 0 to 1"):
        choose_thresholds(predictions_of(answers_of("a", (0.75, 1, 0))), min_precision)


SCORES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(128, 255), st.booleans()), min_size=1, max_size=120
)  # fmt: skip


@given(SCORES, st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
@example([("a", 128, False), ("a", 129, True), ("b", 128, False)], 0.5)  # what all labels give is above all of b's
def test_what_was_chosen_is_what_is_measured(rows, min_precision):
    predictions = predictions_of([(label, score / 256, right) for label, score, right in rows], ("a", "b", "c"))
    chosen = choose_thresholds(predictions, min_precision)
    measured = apply_thresholds(predictions, chosen.by_label)
    assert (measured.answered, measured.precision, measured.n) == (chosen.coverage, chosen.precision, len(rows))
    for each in chosen.labels:
        found = measured.per_label[each.label]
        assert (found.answers, found.answered, found.precision) == (each.answers, each.answered, each.precision)
        assert 0 <= each.threshold <= 1
        assert each.reached == (each.threshold < 1)
        if each.reached and not each.pooled:
            assert each.precision >= min_precision or each.precision > (each.answered - 2) / each.answered


@given(SCORES, st.sampled_from([0.5, 0.9]))
def test_no_lower_threshold_of_its_own_would_do(rows, min_precision):
    predictions = predictions_of([(label, score / 256, right) for label, score, right in rows], ("a", "b", "c"))
    for index, each in enumerate(choose_thresholds(predictions, min_precision).labels):
        own = predictions.best == index
        for lower in {score for score in predictions.top[own] if score < each.threshold}:
            kept = predictions.right[own & (predictions.top >= lower)]
            if not each.pooled and each.reached:
                assert kept.sum() + 1 < min_precision * (len(kept) + 2)


@given(SCORES)
def test_a_threshold_is_half_a_step_from_every_int8_score(rows):
    """A runtime that rounds the last bit of a score otherwise decides as this one."""
    predictions = predictions_of([(label, score / 256, right) for label, score, right in rows], ("a", "b", "c"))
    steps = np.arange(257) / 256
    for each in choose_thresholds(predictions, 0.9).labels:
        assert each.threshold in {0, 1} or np.abs(steps - each.threshold).min() == 1 / 512


def test_float_scores_closer_than_a_step_are_not_divided():
    rows = [*answers_of("a", (0.80001, 30, 0)), *answers_of("a", (0.80002, 0, 3)), *answers_of("a", (0.9, 60, 0))]
    (a, _) = choose_thresholds(predictions_of(rows), 0.98).labels
    assert a.answered == 60
    assert 0.8001 < a.threshold < 0.9


def test_on_other_images():
    scores = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.45, 0.55]]
    found = apply_thresholds(of_scores(["a", "b", "b", "a", "z"], scores, LABELS), {"a": 0.7})
    assert (found.n, found.answered, found.precision) == (5, 0.8, 0.5)
    a, b = found.per_label["a"], found.per_label["b"]
    assert (a.answers, a.answered, a.precision) == (2, 1, 1)
    assert (b.answers, b.answered, b.precision) == (3, 3, pytest.approx(1 / 3))
    silent = apply_thresholds(of_scores(["a"], [[0.6, 0.4]], LABELS), {"a": 0.7})
    assert (silent.answered, silent.precision) == (0, None)
