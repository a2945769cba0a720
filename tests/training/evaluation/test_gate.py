import pytest
from made_predictions import of_answers, of_scores

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from edgecls.training.evaluation.gate import compare_precisions

TRUTH = ["a", "a", "a", "a", "b", "b"]


def test_what_was_lost_and_where():
    before = of_answers(TRUTH, ["a", "a", "a", "b", "b", "b"], score=0.8)
    after = of_answers(TRUTH, ["b", "a", "b", "a", "b", "b"], score=[0.6, 0.8, 0.9, 0.7, 0.8, 0.8])
    gate = compare_precisions(before, after)
    assert (gate.n, gate.float_accuracy, gate.quantized_accuracy) == (6, pytest.approx(5 / 6), pytest.approx(4 / 6))
    assert gate.drop == pytest.approx(1 / 6)
    assert gate.agreement == 0.5
    assert gate.recall_change == {"a": -0.25, "b": 0}


def test_the_most_damaging_come_first():
    """Right to wrong, the surest first; then wrong to right."""
    before = of_answers(TRUTH, ["a", "a", "a", "b", "b", "b"], score=0.8)
    after = of_answers(TRUTH, ["b", "a", "b", "a", "b", "b"], score=[0.6, 0.8, 0.9, 0.7, 0.8, 0.8])
    flips = compare_precisions(before, after).flipped
    assert [(flip.sample.path.stem, flip.damage) for flip in flips] == [("00002", 1), ("00000", 1), ("00003", -1)]
    assert (flips[0].float_label, flips[0].quantized_label, flips[0].sample.label) == ("a", "b", "a")
    assert (flips[0].float_score, flips[0].quantized_score) == pytest.approx((0.8, 0.9))


def test_wrong_in_another_way_and_classes_the_model_lacks():
    labels = ["a", "b", "c"]
    before = of_scores(["a", "z"], [[0.1, 0.8, 0.1], [0.9, 0.0, 0.1]], labels)
    after = of_scores(["a", "z"], [[0.1, 0.1, 0.8], [0.0, 0.9, 0.1]], labels)
    gate = compare_precisions(before, after)
    assert (gate.drop, gate.agreement, gate.recall_change) == (0, 0, {"a": 0})
    assert [flip.damage for flip in gate.flipped] == [0, 0]
    assert gate.flipped[0].sample.label == "z"


def test_a_single_image_is_no_loss():
    """Of few images one says nothing; but where nothing may be lost, that is so too."""
    before, after = of_answers(TRUTH, TRUTH), of_answers(TRUTH, ["b", *TRUTH[1:]])
    gate = compare_precisions(before, after)
    assert gate.passes(0.01)
    assert gate.by_one_image(0.01)
    assert gate.passes(0.2)
    assert not gate.by_one_image(0.2)
    assert not gate.passes(0)
    assert not gate.by_one_image(0)


@pytest.mark.parametrize(
    ("n", "lost", "gained", "passes"),
    [
        (200, 8, 3, True),  # 2.5 points, which chance explains
        (200, 10, 2, False),
        (1000, 40, 15, False),  # 2.5 points of a thousand
        (300, 4, 0, True),
        (30, 2, 0, True),
        (30, 6, 0, False),
        (300, 0, 40, True),
    ],
)
def test_a_loss_is_judged_with_its_uncertainty(n, lost, gained, passes):
    truth = ["a", "b"] * (n // 2)
    wrong = ["b", "a"] * (n // 2)
    before = of_answers(truth, [*wrong[:gained], *truth[gained:]])
    after = of_answers(truth, [*truth[: n - lost], *wrong[n - lost :]])
    gate = compare_precisions(before, after)
    assert (gate.lost, gate.gained) == (lost, gained)
    assert gate.passes(0.01) == passes
    assert (gate.interval[0] <= 0.01) == passes
    assert not gate.passes(0) or lost <= gained
    assert gate.summary() == {
        "drop": round((lost - gained) / n, 6),
        "interval": [round(bound, 6) for bound in gate.interval],
        "agreement": round(1 - (lost + gained) / n, 6),
    }


def test_the_same_model():
    predictions = of_answers(TRUTH, TRUTH)
    gate = compare_precisions(predictions, predictions)
    assert (gate.drop, gate.agreement, gate.flipped) == (0, 1, ())


def test_different_images_or_labels():
    predictions = of_answers(TRUTH, TRUTH)
    for other in (of_answers(TRUTH[:5], TRUTH[:5]), of_answers(TRUTH, TRUTH, labels=["b", "a"])):
        with pytest.raises(ValueError, match="different images or labels"):
            compare_precisions(predictions, other)
