"""Models that edgecls did not make: their own metadata is honoured, what they do not state is reported once."""

import numpy as np
import pytest
from pictures import COLOURS, plain
from tiny_model import LABELS, build, with_metadata

from edgecls.errors import BadModel, UsageError
from edgecls.inference.classifier import Classifier, _log_once
from edgecls.inference.runtimes.interpreter import TFLiteRuntime
from edgecls.model.model_file import read_model

NOT_SAID = "does not say in which range its float input takes pixels: assuming {}; if the labels are wrong, set it"


@pytest.fixture
def opened(tmp_path):
    """A classifier of a variant of the tiny model."""
    _log_once.cache_clear()

    def opened(flatbuffer=None, labels=LABELS, input_range=None, **variant):
        path = tmp_path / f"other{len(list(tmp_path.iterdir()))}.tflite"  # a runtime maps the file into memory
        path.write_bytes(flatbuffer or build(**variant))
        return Classifier(read_model(path, labels, input_range=input_range), threads=1)

    return opened


def tells_colours_apart(classifier):
    answers = [classifier.classify(plain(colour)) for colour in COLOURS]
    assert all(0.9 < answer.score <= 1 for answer in answers)
    return [answer.label for answer in answers] == list(COLOURS)


@pytest.mark.parametrize(
    ("pixel_range", "mean", "std"),
    [
        ((-1, 1), (127.5,), (127.5,)),
        ((-1, 1), (127.5,) * 3, (127.5,) * 3),
        ((0, 1), (0.0,), (255.0,)),
        ((0, 255), (0.0,), (1.0,)),
    ],
)
def test_a_float_input_is_normalized_as_the_metadata_say(opened, caplog, pixel_range, mean, std):
    model = with_metadata(build(input_type="float32", pixel_range=pixel_range), mean=mean, std=std)
    assert tells_colours_apart(opened(model, labels=None))
    assert caplog.messages == []


def test_each_channel_is_normalized_by_its_own_mean(opened):
    """Of a grey picture, the channel whose mean is least is the brightest."""
    model = build(input_type="float32", pixel_range=(-1, 1))
    for index, label in enumerate(LABELS):
        mean = [160.0] * 3
        mean[index] = 100.0
        assert opened(with_metadata(model, mean=mean, std=(127.5,))).classify(plain((128, 128, 128))).label == label


@pytest.mark.parametrize(
    ("pixel_range", "taken", "others"),
    [((-1, 1), "-1..1", "0..255 or 0..1"), ((0, 255), "0..255", "0..1 or -1..1")],
)
def test_a_float_input_that_nothing_is_said_of(opened, caplog, pixel_range, taken, others):
    """Its answers to four pictures tell -1..1 from 0..255; two classifiers of one file log it once."""
    classifier = opened(input_type="float32", pixel_range=pixel_range)
    assert tells_colours_apart(classifier)
    assert tells_colours_apart(Classifier(classifier.model, threads=1))
    (message,) = caplog.messages
    assert f"{NOT_SAID.format(taken)} with --input-range {others}" in message


@pytest.mark.parametrize("pixel_range", [(-1, 1), (0, 1)])
def test_a_graph_that_rescales_pixels_itself(opened, caplog, pixel_range):
    """As a Keras model with a Rescaling layer does: it takes 0 to 255, and nothing has to be guessed."""
    assert tells_colours_apart(opened(input_type="float32", pixel_range=pixel_range, rescaled=True))
    assert caplog.messages == []


def test_a_range_that_the_user_names(opened, caplog):
    assert tells_colours_apart(opened(input_type="float32", pixel_range=(0, 1), input_range="0..1"))
    assert caplog.messages == []


def test_a_range_that_would_do_nothing_is_refused(opened, tiny_model):
    with pytest.raises(UsageError, match="takes integers, pixels as they are: leave out the range"):
        opened(input_range="0..1")
    with pytest.raises(UsageError, match="carries the range of its input: leave out the range"):
        opened(with_metadata(build(input_type="float32")), input_range="0..1")
    with pytest.raises(UsageError, match="carries the range of its input"):
        read_model(tiny_model.path, input_range="0..1")


def test_a_quantized_input_that_holds_another_range(opened):
    """int8 of -1..1 that was calibrated on 0..1 pixels: fed as they are, black would be the middle of the scale."""
    variant = {"input_type": "int8", "pixel_range": (0, 1), "input_quantization": (1 / 127, 0)}
    assert tells_colours_apart(opened(with_metadata(build(**variant), mean=(0.0,), std=(255.0,))))
    lime = (160, 190, 100)  # green has 30 levels more, not half of that
    halved = opened(**variant).classify(plain(lime))
    right = opened(with_metadata(build(**variant), mean=(0.0,), std=(255.0,))).classify(plain(lime))
    assert (right.label, halved.label) == ("green", "green")
    assert right.score != pytest.approx(halved.score, abs=0.05)


@pytest.mark.parametrize("input_type", ["uint8", "int8"])
@pytest.mark.parametrize("pixel_range", [(-1, 1), (0, 1), (0, 255)])
def test_a_quantized_input_without_metadata_takes_pixels_as_they_are(opened, caplog, input_type, pixel_range):
    assert tells_colours_apart(opened(input_type=input_type, pixel_range=pixel_range))
    assert caplog.messages == []


def test_logits_get_a_softmax(opened, caplog):
    logits, softmax = opened(activation=None), opened(activation="softmax")
    assert len(caplog.messages) == 1
    assert "gives no probabilities: a softmax is applied to its outputs" in caplog.messages[0]
    for colour in [plain((100, 140, 120)), *map(plain, COLOURS)]:
        one, other = logits.classify(colour), softmax.classify(colour)
        assert one.label == other.label
        assert one.score == pytest.approx(other.score, abs=0.02)
        assert sum(prediction.score for prediction in one.top_k) == pytest.approx(1)


@pytest.mark.parametrize("activation", ["logistic", None])
def test_one_output_is_two_classes(opened, activation):
    classifier = opened(activation=activation, classes=1, labels=["green", "red"], output_type="float32")
    red, green = classifier.classify(plain("red")), classifier.classify(plain("green"))
    assert (red.label, green.label) == ("red", "green")
    assert min(red.score, green.score) > 0.9
    assert [round(sum(one.score for one in each.top_k), 5) for each in (red, green)] == [1, 1]


@pytest.mark.parametrize(("labels", "count"), [(["red"], "1 label"), (["a", "b", "c"], "3 labels")])
def test_one_output_needs_two_labels(opened, labels, count):
    with pytest.raises(BadModel, match=f"has one output, for two classes, and {count}: pass --labels FILE with two"):
        opened(activation="logistic", classes=1, labels=labels)


def test_several_sigmoids_stay_as_they_are(opened, caplog):
    scores = [one.score for one in opened(activation="logistic").classify(plain("red")).top_k]
    assert scores[0] > 0.9
    assert caplog.messages == []


def test_an_input_of_any_size_gets_the_one_in_the_metadata(opened):
    variant = build(shape=(1, 1, 1, 3), shape_signature=(1, -1, -1, 3))
    assert tells_colours_apart(opened(with_metadata(variant)))


def test_a_grey_input_without_an_axis_for_its_channel(opened):
    """As Keras's own MNIST networks have it: the pixels arrive, in their order."""
    classifier = opened(shape=(1, 16, 16), channels=1)
    assert classifier.runtime.channels == 1
    assert classifier.classify(np.full((16, 16, 3), 255, np.uint8)).label == "red"


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            {"shape": (1, 1, 1, 3), "shape_signature": (1, -1, -1, 3)},
            "takes images of any size: convert it with a fixed",
        ),
        ({"shape": (1, 3, 16, 16)}, r"takes uint8 \(1, 3, 16, 16\), channels first: convert it with channels last"),
        ({"shape": (8, 16, 16, 3)}, r"takes uint8 \(8, 16, 16, 3\), 8 images at a time: convert it with a batch size"),
        ({"shape": (1, 768)}, r"takes uint8 \(1, 768\), and edgecls feeds one image"),
        ({"first_operator": "edgetpu-custom-op"}, "is compiled for the Edge TPU: use the file without _edgetpu in"),
        ({"first_operator": "FlexSplit"}, "needs operators of TensorFlow itself: convert it with TFLite's built-in"),
        ({"first_operator": "TFLite_Detection_PostProcess_2"}, "cannot be loaded by .*: convert it again"),
    ],
)
def test_what_cannot_be_used_is_one_line(opened, capfd, variant, message):
    with pytest.raises(BadModel, match=message) as caught:
        opened(**variant)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_network_that_gives_no_numbers_is_refused(opened, monkeypatch):
    monkeypatch.setattr(TFLiteRuntime, "scores", lambda _, __: np.full(3, np.nan, np.float32))
    with pytest.raises(BadModel, match=r"\.tflite gives no finite numbers, for any picture"):
        opened()


def test_a_thousand_labels_for_a_thousand_and_one_outputs(opened):
    with pytest.raises(BadModel, match=r"has 3 outputs and 2 labels: .*, the first often being 'background'"):
        opened(labels=["a", "b"])
