import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_folders import write_folder

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

from edgecls.convert.data.samples import read_samples  # noqa: E402
from edgecls.convert.evaluation.evaluate import evaluate, measure  # noqa: E402
from edgecls.device.classifier import Classifier  # noqa: E402
from edgecls.errors import BadData  # noqa: E402
from edgecls.progress import Steps  # noqa: E402


def test_two_classes_by_hand():
    """Of 4 cats 3 are found, of 2 dogs 1; 4 times `cat` is answered, 2 times `dog`."""
    found = measure(["cat", "cat", "cat", "cat", "dog", "dog"], ["cat", "cat", "cat", "dog", "cat", "dog"])
    assert (found.n, found.accuracy) == (6, pytest.approx(4 / 6))
    assert found.labels == ["cat", "dog"]
    assert found.confusion_matrix == [[3, 1], [1, 1]]
    assert found.per_class == {
        "cat": {"precision": 0.75, "recall": 0.75, "f1": 0.75, "support": 4},
        "dog": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
    }
    assert (found.macro_precision, found.macro_recall, found.macro_f1) == (0.625, 0.625, 0.625)


def test_a_label_that_is_only_answered_counts_in_no_mean():
    found = measure(["cat", "cat"], ["cat", "lynx"])
    assert found.labels == ["cat", "lynx"]
    assert found.per_class["lynx"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert (found.macro_precision, found.macro_recall, found.accuracy) == (1, 0.5, 0.5)


def test_a_label_that_is_never_answered_has_precision_zero():
    found = measure(["cat", "dog"], ["cat", "cat"])
    assert found.per_class["dog"]["precision"] == 0
    assert found.macro_precision == 0.25


def test_one_class():
    found = measure(["cat"], ["cat"])
    assert (found.accuracy, found.macro_f1, found.confusion_matrix) == (1, 1, [[1]])


def test_the_keys_of_the_report():
    report = json.loads(json.dumps(measure(["cat", "dog"], ["cat", "cat"]).as_dict()))
    assert list(report) == [
        "n", "accuracy", "macro_precision", "macro_recall", "macro_f1", "per_class", "labels", "confusion_matrix",
    ]  # fmt: skip
    assert list(report["per_class"]["cat"]) == ["precision", "recall", "f1", "support"]
    assert measure(["cat"] * 3, ["cat", "cat", "dog"]).summary() == {
        "n": 3,
        "accuracy": 0.666667,
        "macro_precision": 1.0,
        "macro_recall": 0.666667,
        "macro_f1": 0.8,
    }


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdef")), min_size=1, max_size=60))
def test_the_figures_are_those_of_scikit_learn(pairs):
    truth, answers = zip(*pairs, strict=True)
    found, present = measure(truth, answers), sorted(set(truth))
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


def test_a_model_is_measured_by_what_the_device_answers(tiny_model, tmp_path):
    """Greens are under the model's threshold: the best label counts all the same."""
    samples = read_samples(write_folder(tmp_path / "data", {"blue": 3, "green": 4, "red": 3, "violet": 2}))
    found = evaluate(tiny_model, samples, Steps())
    classifier = Classifier(tiny_model)
    answers = [classifier.classify(sample.path).top_k[0].label for sample in samples]
    assert found == measure([sample.label for sample in samples], answers)
    assert found.n == 12
    assert found.per_class["violet"] == {"precision": 0, "recall": 0, "f1": 0, "support": 2}
    assert found.accuracy == pytest.approx(10 / 12)


def test_classes_of_which_the_model_knows_none(tiny_model, tmp_path):
    samples = read_samples(write_folder(tmp_path / "data", {"cat": 1, "dog": 1}))
    with pytest.raises(BadData, match=r"no class of the data set is a label of .*tiny\.tflite: .* other classes"):
        evaluate(tiny_model, samples, Steps())
    with pytest.raises(BadData, match="no class"):
        evaluate(tiny_model, [], Steps())


def test_an_image_that_was_torn_since_it_was_read(tiny_model, tmp_path):
    samples = read_samples(write_folder(tmp_path / "data", {"blue": 2, "red": 2}))
    Path(samples[1].path).write_bytes(b"torn")
    with pytest.raises(BadData, match="is not an image that OpenCV can decode: it decoded a moment ago"):
        evaluate(tiny_model, samples, Steps())
