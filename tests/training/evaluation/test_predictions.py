from pathlib import Path

import numpy as np
import pytest
from image_folders import write_folder
from made_predictions import of_scores
from tiny_model import write

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from edgecls.errors import BadData
from edgecls.inference.classifier import Classifier
from edgecls.progress import Progress
from edgecls.records import UNKNOWN
from edgecls.training.data.losses import Losses
from edgecls.training.data.samples import read_samples
from edgecls.training.evaluation.predictions import classify_samples, in_common


@pytest.fixture
def data(tmp_path):
    return read_samples(write_folder(tmp_path / "data", {"blue": 3, "green": 4, "red": 3, "violet": 2}))


def test_every_score_of_the_device_in_the_order_of_the_outputs(tiny_model, data):
    found = classify_samples(tiny_model, data, Progress())
    classifier = Classifier(tiny_model)
    pixels = [classifier._decode(classifier_frame(sample)) for sample in data]
    assert found.scores.dtype == np.float32
    assert found.scores.tolist() == [classifier.scores(each).tolist() for each in pixels]
    assert found.labels == ("red", "green", "blue")
    assert found.truth.tolist() == [2] * 3 + [1] * 4 + [0] * 3 + [-1] * 2
    assert found.thresholds == {"green": 0.9}


def classifier_frame(sample):
    from edgecls.inference.classifier import as_frame

    return as_frame(sample.path)


def test_answers_and_unknowns_are_those_of_the_device(tiny_model, data):
    found = classify_samples(tiny_model, data, Progress())
    classifier = Classifier(tiny_model)
    results = [classifier.classify(sample.path) for sample in data]
    assert found.answers == [result.top_k[0].label for result in results]
    assert found.top.tolist() == [result.score for result in results]
    assert found.answered().tolist() == [result.label != UNKNOWN for result in results]
    assert found.right.tolist() == [result.top_k[0].label == s.label for result, s in zip(results, data, strict=True)]


def test_of_equal_scores_the_first_output_wins():
    assert of_scores(["b"], [[0.5, 0.5]], ["a", "b"]).answers == ["a"]


def test_a_threshold_is_compared_as_the_device_compares_it():
    """float32(0.1) is above 0.1; compared in float32 the two would be equal in both directions."""
    found = of_scores(["a"], [[0.1, 0.0]], ["a", "b"])
    assert found.answered({"a": 0.1}).tolist() == [True]
    assert found.answered({"a": 0.1000000015}).tolist() == [False]
    assert found.answered({"b": 0.9}).tolist() == [True]


def test_two_outputs_of_one_name_count_as_the_first(tmp_path, data):
    model = write(tmp_path / "m.tflite", labels=["red", "x", "x"])
    found = classify_samples(model, data, Progress())
    assert found.answers == ["x"] * 7 + ["red"] * 3 + found.answers[-2:]


def test_some_of_the_images(tiny_model, data):
    found = classify_samples(tiny_model, data, Progress())
    few = found.where(found.truth == 0)
    assert [sample.label for sample in few.samples] == ["red"] * 3
    assert (len(few), few.scores.shape, few.answers) == (3, (3, 3), ["red"] * 3)


def test_classes_of_which_the_model_knows_none(tiny_model, tmp_path):
    others = read_samples(write_folder(tmp_path / "others", {"cat": 1, "dog": 1}))
    for samples in (others, []):
        with pytest.raises(BadData, match=r"no class of the data set is a label of .*tiny\.tflite: .* other classes"):
            classify_samples(tiny_model, samples, Progress())


def test_classes_that_the_model_does_not_know_are_named(tiny_model, data, caplog):
    classify_samples(tiny_model, data, Progress())
    assert caplog.messages == [f"{tiny_model.path} has no label for images of 'violet' (2): they count as wrong"]


def test_images_that_are_lost_after_reading_are_named_and_left_out(tiny_model, data, caplog):
    Path(data[1].path).write_bytes(b"torn")
    Path(data[2].path).unlink()
    losses = Losses()
    rest = classify_samples(tiny_model, data, Progress(), losses=losses)
    assert rest.samples == (data[0], *data[3:])
    assert (len(rest.scores), len(rest.truth), len(losses)) == (len(data) - 2, len(data) - 2, 2)
    assert sorted(message for message in caplog.messages if "has no label" not in message) == sorted(
        f"{path} {reason}: it was readable when the data set was read, and is left out from now on"
        for path, reason in [
            (data[1].path, "is a text file, not an image: remove it"),
            (data[2].path, "cannot be read: no such file or folder"),
        ]
    )


def test_two_measurements_are_compared_on_the_images_that_both_have(tiny_model, data):
    before = classify_samples(tiny_model, data, Progress())
    Path(data[0].path).unlink()
    after = classify_samples(tiny_model, data, Progress())
    one, two = in_common(before, after)
    assert one.samples == two.samples == tuple(data[1:])
    assert np.array_equal(one.scores, two.scores)


def test_where_all_images_are_lost_the_error_says_so(tiny_model, data):
    for sample in data:
        Path(sample.path).unlink()
    with pytest.raises(BadData, match="none of the images can be read any more"):
        classify_samples(tiny_model, data, Progress())
