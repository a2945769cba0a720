import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_folders import write_folder
from made_predictions import of_answers, of_scores

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

from edgecls.progress import Progress  # noqa: E402
from edgecls.training.data.samples import read_samples  # noqa: E402
from edgecls.training.evaluation.evaluate import evaluate_model, evaluate_predictions  # noqa: E402
from edgecls.training.evaluation.predictions import classify_samples  # noqa: E402


def count(truth, answers, **options):
    return evaluate_predictions(of_answers(truth, answers, **options))


def test_two_classes_by_hand():
    """Of 4 cats 3 are found, of 2 dogs 1; 4 times `cat` is answered, 2 times `dog`."""
    found = count(["cat", "cat", "cat", "cat", "dog", "dog"], ["cat", "cat", "cat", "dog", "cat", "dog"])
    assert (found.n, found.accuracy) == (6, pytest.approx(4 / 6))
    assert found.labels == ["cat", "dog"]
    assert found.confusion_matrix == [[3, 1], [1, 1]]
    assert found.per_class == {
        "cat": {"precision": 0.75, "recall": 0.75, "f1": 0.75, "support": 4},
        "dog": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
    }
    assert (found.macro_precision, found.macro_recall, found.macro_f1) == (0.625, 0.625, 0.625)
    assert found.balanced_accuracy == 0.625


def test_a_label_that_is_only_answered_counts_in_no_mean():
    found = count(["cat", "cat"], ["cat", "lynx"])
    assert found.labels == ["cat", "lynx"]
    assert found.per_class["lynx"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert (found.macro_precision, found.macro_recall, found.accuracy) == (1, 0.5, 0.5)


def test_a_label_that_is_never_answered_has_precision_zero():
    found = count(["cat", "dog"], ["cat", "cat"])
    assert found.per_class["dog"]["precision"] == 0
    assert found.macro_precision == 0.25


def test_one_class():
    found = count(["cat"], ["cat"])
    assert (found.accuracy, found.macro_f1, found.confusion_matrix) == (1, 1, [[1]])
    assert found.log_loss == 0


def test_the_keys_of_the_report():
    report = json.loads(json.dumps(count(["cat", "dog"], ["cat", "cat"]).as_dict()))
    assert list(report) == [
        "n", "accuracy", "macro_precision", "macro_recall", "macro_f1", "per_class", "labels", "confusion_matrix",
        "accuracy_interval", "balanced_accuracy", "top5_accuracy", "log_loss", "ece", "answered", "answered_accuracy",
    ]  # fmt: skip
    assert list(report["per_class"]["cat"]) == ["precision", "recall", "f1", "support"]


def test_what_the_model_file_carries():
    """A summary is JSON as it stands: what is imported is what was written."""
    predictions = of_answers(["cat", "cat", "cat"], ["cat", "cat", "dog"], score=[0.875, 0.75, 0.75])
    summary = evaluate_predictions(replace(predictions, thresholds={"dog": 0.8})).summary()
    assert summary == json.loads(json.dumps(summary))
    assert summary == {
        "n": 3,
        "accuracy": 0.666667,
        "macro_precision": 1.0,
        "macro_recall": 0.666667,
        "macro_f1": 0.8,
        "log_loss": 0.602503,  # -(ln 7/8 + ln 3/4 + ln 1/4) / 3
        "ece": 0.208333,  # (|1 - 0.875| + 2 |0.5 - 0.75|) / 3
        "answered": 0.666667,
        "answered_accuracy": 1.0,
        "accuracy_interval": [0.0, 1.0],
    }


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdef")), min_size=1, max_size=60))
def test_the_figures_are_those_of_scikit_learn(pairs):
    truth, answers = zip(*pairs, strict=True)
    found, present = count(truth, answers), sorted(set(truth))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, answers))
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    assert found.macro_precision == pytest.approx(metrics.precision_score(truth, answers, **macro))
    assert found.macro_recall == pytest.approx(metrics.recall_score(truth, answers, **macro))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(truth, answers, **macro))
    if len(found.labels) > 1:  # scikit-learn warns of a single one
        assert found.confusion_matrix == metrics.confusion_matrix(truth, answers, labels=found.labels).tolist()
    for label, figures in metrics.classification_report(truth, answers, output_dict=True, zero_division=0).items():
        if label in found.per_class:
            assert found.per_class[label] == pytest.approx({k.replace("-score", ""): v for k, v in figures.items()})


def test_top_5_is_reported_of_six_labels_or_more():
    labels = list("abcdef")
    rising = [[0.0, 0.1, 0.15, 0.2, 0.25, 0.3]] * 2
    assert evaluate_predictions(of_scores(["a", "b"], rising, labels)).top5_accuracy == 0.5
    assert evaluate_predictions(of_scores(["b"], [rising[0][1:]], labels[1:])).top5_accuracy is None


def test_coverage_is_reported_of_models_with_thresholds():
    predictions = of_answers(["a", "a", "b", "b"], ["a", "b", "b", "b"], score=[0.9, 0.6, 0.7, 0.8])
    assert (evaluate_predictions(predictions).answered, evaluate_predictions(predictions).answered_accuracy) == (
        None,
        None,
    )
    found = evaluate_predictions(replace(predictions, thresholds={"a": 0.5, "b": 0.65}))
    assert (found.answered, found.answered_accuracy) == (0.75, 1)
    silent = evaluate_predictions(replace(predictions, thresholds={"a": 1.0, "b": 1.0}))
    assert (silent.answered, silent.answered_accuracy) == (0, None)
    assert silent.accuracy == found.accuracy == 0.75


def test_scores_that_are_no_probabilities_are_not_taken_for_some():
    found = evaluate_predictions(of_scores(["a", "b"], [[7.5, -3.0], [-2.0, 4.0]], ["a", "b"]))
    assert (found.accuracy, found.log_loss, found.ece) == (1, None, None)


def test_groups_widen_the_interval():
    truth, answers = ["a"] * 60, ["a"] * 45 + ["b"] * 15
    low, high = count(truth, answers).accuracy_interval
    grouped_low, grouped_high = count(truth, answers, groups=[f"g{n // 15}" for n in range(60)]).accuracy_interval
    assert grouped_low < low < 0.75 < high < grouped_high


def test_a_model_is_measured_by_what_the_device_answers(tiny_model, tmp_path):
    """Greens are under the model's threshold: the best label counts all the same."""
    samples = read_samples(write_folder(tmp_path / "data", {"blue": 3, "green": 4, "red": 3, "violet": 2}))
    found = evaluate_model(tiny_model, samples, Progress())
    assert found == evaluate_predictions(classify_samples(tiny_model, samples, Progress()))
    assert found.n == 12
    assert found.per_class["violet"] == {"precision": 0, "recall": 0, "f1": 0, "support": 2}
    assert found.accuracy == pytest.approx(10 / 12)


def test_a_data_set_may_spell_its_classes_otherwise_than_the_model(tiny_model, tmp_path):
    folder = write_folder(tmp_path / "data", {"blue": 3, "red": 3})
    as_the_model = evaluate_model(tiny_model, read_samples(folder), Progress())
    (folder / "red").rename(folder / "Red\u200b")
    (folder / "blue").rename(folder / "BLUE")
    samples = read_samples(folder)
    assert {sample.label for sample in samples} == {"Red", "BLUE"}
    assert evaluate_model(tiny_model, samples, Progress()) == as_the_model
