import os
import re
from dataclasses import astuple
from datetime import datetime, timezone

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import COLOURS, encode, noise, picture, plain
from tiny_model import LABELS, SIZE, build, golden, write

from edgecls.errors import BadModel, InputNotFound
from edgecls.images.framing import FULL, Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.inference.classifier import Classifier, as_frame, best
from edgecls.inference.golden import verify
from edgecls.model.model_file import read_model
from edgecls.records import UNKNOWN, Classification, Frame, Prediction

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
PALE_GREEN = (100, 140, 120)
"""Green with a score of 0.73, and the tiny model wants 0.9 for green."""


@pytest.fixture(scope="module")
def classifier(tiny_model):
    return Classifier(tiny_model.path)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cell.png"
    path.write_bytes(picture("blue"))
    return path


def answer(classification):
    return classification.label, classification.score, classification.top_k, classification.error


@pytest.mark.parametrize("colour", COLOURS)
def test_it_tells_colours_apart(classifier, colour):
    found = classifier.classify(picture(colour, ".jpg"))
    assert (found.label, found.error) == (colour, None)
    assert found.score > 0.99
    assert [prediction.label for prediction in found.top_k] == [colour, *(c for c in LABELS if c != colour)]
    assert found.top_k[0] == Prediction(colour, found.score)


def test_path_bytes_pixels_and_frame_give_the_same(classifier, path):
    now = datetime(2026, 11, 24, tzinfo=timezone.utc)
    images = [
        path,
        str(path),
        path.read_bytes(),
        plain("blue"),
        plain("blue")[:, ::-1],
        Frame("camera", "7", now, picture("blue")),
        Frame("camera", "7", now, plain("blue")),
    ]
    answers = [answer(classifier.classify(image)) for image in images]
    assert answers == [answers[0]] * len(images)
    assert answers[0][0] == "blue"


def test_the_record_of_a_file(classifier, path):
    os.utime(path, (1e9, 1e9))
    begun = datetime.now(timezone.utc)
    found = classifier.classify(os.path.relpath(path))
    assert (found.source, found.path) == ("files", str(path))
    assert found.key.startswith(f"{path}#")
    assert found.captured_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=timezone.utc)
    assert begun <= found.classified_at <= datetime.now(timezone.utc)
    assert found.decode_ms > 0
    assert found.infer_ms > 0


def test_the_record_of_a_frame(classifier):
    frame = Frame("camera:0", "42", datetime(2026, 11, 24, tzinfo=timezone.utc), plain("red"), "nowhere.jpg")
    found = classifier.classify(frame)
    assert astuple(found)[:4] == (frame.source, frame.key, frame.path, frame.captured_at)


def test_keys_name_the_content(classifier, path):
    first = classifier.classify(path).key
    assert classifier.classify(path).key == first
    path.write_bytes(picture("red"))
    assert classifier.classify(path).key != first
    assert as_frame(plain("red")).key == as_frame(plain("red")[:]).key
    assert as_frame(plain("red", 8, 2)).key != as_frame(plain("red", 4, 4)).key


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "is empty"),
        (b"no image", "is a text file, not an image: remove it"),
        (picture("red")[:60], "is cut off or damaged: the end of the PNG is missing"),
        (np.zeros((4, 4), np.uint8), "is not RGB pixels: expected uint8 (height, width, 3), got uint8 (4, 4)"),
        ("missing.png", "cannot be read: no such file or folder"),
        (os.curdir, "cannot be read: it is a folder: name a file"),
        (Frame("camera", "1", datetime.now(timezone.utc), None, error="the camera is gone"), "the camera is gone"),
        (Frame("camera", "1", datetime.now(timezone.utc), None), "could not be read"),
    ],
)
def test_a_bad_image_is_a_row_with_an_error(classifier, image, said):
    found = classifier.classify(image)
    assert isinstance(found, Classification)
    assert answer(found) == (None, None, (), said)
    assert found.infer_ms is None
    assert answer(classifier.classify(picture("red")))[0] == "red"


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_a_jpeg_with_a_hole_is_an_error_and_not_a_line_on_stderr(classifier, capfd, options):
    """Beginning and end are there; OpenCV paints what is missing grey, or shifts what follows."""
    whole = encode(noise(320, 240), ".jpg", *options)
    hole = whole[: len(whole) // 3] + whole[len(whole) * 2 // 3 :]
    result = classifier.classify(hole)
    assert result.label is None
    assert re.fullmatch(
        r"is damaged: part of the picture is missing \(Corrupt JPEG data: .*\): replace the file", result.error
    )
    assert classifier.classify(whole).error is None
    assert capfd.readouterr().err == ""


def test_a_jpeg_with_a_few_bytes_too_many_is_whole(classifier, capfd, caplog):
    """Some cameras pad before the end."""
    caplog.set_level("DEBUG", "edgecls")
    whole = encode(noise(320, 240), ".jpg")
    assert classifier.classify(Frame("cam", "7", NOON, whole[:-2] + bytes(5) + whole[-2:])).error is None
    (line,) = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(
        r"7: Corrupt JPEG data: \d extraneous bytes before marker 0xd9 \(the picture is complete\)", line
    )
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("seconds", [4e11, -1e11])
def test_a_file_from_a_year_that_no_calendar_has(classifier, small_disk, seconds):
    path = small_disk / "cell.png"
    path.write_bytes(picture("blue"))
    os.utime(path, (seconds, seconds))
    found = classifier.classify(path)
    assert (found.label, found.captured_at.year) == ("blue", datetime.now(timezone.utc).year)


def test_an_answer_under_the_threshold_of_its_class_is_unknown(classifier, tmp_path):
    found = classifier.classify(plain(PALE_GREEN))
    assert (found.label, found.top_k[0].label) == (UNKNOWN, "green")
    assert 0.5 < found.score < 0.9
    believing = Classifier(write(tmp_path / "m.tflite", thresholds={"green": found.score, "red": 1.0}))
    assert believing.classify(plain(PALE_GREEN)).label == "green"
    assert believing.classify(plain("red")).label == UNKNOWN  # 255/256 is the most that 8 bits say


@pytest.mark.parametrize("top_k", [1, 2, 3, 9])
def test_top_k(tiny_model, top_k):
    found = Classifier(tiny_model, top_k=top_k).classify(noise(30, 30))
    scores = [prediction.score for prediction in found.top_k]
    assert len(scores) == min(top_k, 3)
    assert scores == sorted(scores, reverse=True)


def test_labels_can_be_replaced(tiny_model):
    for model in (tiny_model, tiny_model.path, str(tiny_model.path)):
        assert Classifier(model, labels=["rouge", "vert", "bleu"]).classify(plain("blue")).label == "bleu"


def test_an_empty_list_of_labels_is_none_at_all(tiny_model):
    """Not the model's own: whoever passes an empty file believes that it names them."""
    for model in (tiny_model.path, tiny_model):
        with pytest.raises(BadModel, match="has 3 outputs and 0 labels: pass --labels FILE"):
            Classifier(model, labels=[])


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"]])
def test_labels_that_do_not_match_the_outputs(tiny_model, tmp_path, labels):
    said = f"has 3 outputs and {len(labels)} labels: pass --labels FILE with one line for each output"
    with pytest.raises(BadModel, match=said):
        Classifier(tiny_model.path, labels=labels)
    with pytest.raises(BadModel, match=said):
        Classifier(write(tmp_path / "m.tflite", labels=labels))


def test_a_model_of_another_tool_sees_the_central_square(tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(build(size=8))
    classifier = Classifier(path, labels=LABELS)
    assert classifier.preprocessing == Preprocessing(8, 8, "crop", 1.0)
    assert classifier.classify(encode(plain("green"))).label == "green"


@pytest.mark.parametrize(
    ("spec", "said"), [(Preprocessing(24, 16), "24 x 16 x 3"), (Preprocessing(SIZE, SIZE, channels=1), "16 x 16 x 1")]
)
def test_a_model_whose_description_disagrees_with_its_network(tmp_path, spec, said):
    model = write(tmp_path / "m.tflite", preprocessing=spec)
    with pytest.raises(BadModel, match=f"its input is 16 x 16 x 3, its description says {said}: convert it again"):
        Classifier(model)


GREY = Preprocessing(SIZE, SIZE, "crop", 0.875, channels=1)
"""What the tiny grey model takes: it answers "red" to what is bright, and does not know to what is black."""


def test_a_grey_model_sees_the_luma(tmp_path):
    classifier = Classifier(write(tmp_path / "m.tflite", build(channels=1), preprocessing=GREY))
    assert classifier.preprocessing == GREY
    for colour in COLOURS:
        by_file, by_pixels = classifier.classify(picture(colour)), classifier.classify(plain(colour))
        luma = np.array(plain(colour)[0, 0]) @ [0.299, 0.587, 0.114]
        grey = np.full((SIZE, SIZE, 1), round(luma), np.uint8)
        assert by_file.error is None
        assert by_file.score == by_pixels.score == pytest.approx(classifier.scores(grey).max(), abs=2 / 256)
    assert classifier.classify(plain((255, 255, 255))).label == "red"
    assert classifier.classify(plain((0, 0, 0))).score < 0.5


def test_the_golden_examples_of_a_grey_model(tmp_path):
    examples = golden([picture(colour, ".jpg") for colour in COLOURS], tmp_path, GREY)
    model = write(tmp_path / "m.tflite", build(channels=1), examples=examples, preprocessing=GREY)
    assert verify(model) == {"examples": 3, "fast kernels": "within tolerance", "reference kernels": "exact"}


def test_a_grey_model_of_another_tool(tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(build(size=8, channels=1))
    classifier = Classifier(path, labels=LABELS)
    assert classifier.preprocessing == Preprocessing(8, 8, "crop", 1.0, channels=1)
    assert classifier.classify(encode(plain((255, 255, 255)))).label == "red"


def test_no_such_model():
    with pytest.raises(InputNotFound, match=r"no model at missing\.tflite"):
        Classifier("missing.tflite")


def test_reference_kernels_agree(tiny_model, classifier):
    reference = Classifier(read_model(tiny_model.path), reference_kernels=True, threads=1)
    for seed in range(10):
        pixels = noise(16, 16, seed)
        assert np.abs(reference.scores(pixels) - classifier.scores(pixels)).max() < 0.05


@given(scores=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20), count=st.integers(1, 25))
def test_best(scores, count):
    chosen = best(np.array(scores, np.float32), count)
    assert chosen == sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:count]


def test_a_large_jpeg_is_decoded_in_full_where_that_is_asked_for(tiny_model, monkeypatch):
    """Told by the pixels that the network is given, of a picture with detail that only a full decode averages to the last."""
    data = encode(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8), ".jpg")
    seen = []
    for full in (False, True):
        classifier = Classifier(tiny_model, full_decode=full)
        monkeypatch.setattr(classifier, "scores", lambda pixels: seen.append(pixels) or np.ones(3, np.float32))
        assert classifier.classify(data).error is None
    reduced, full = seen
    assert np.array_equal(reduced, load_pixels(data, classifier.preprocessing))
    assert np.array_equal(full, load_pixels(data, classifier.preprocessing, cover=FULL))
    assert not np.array_equal(reduced, full)
