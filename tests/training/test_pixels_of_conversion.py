"""What the network sees of a picture: its fit and its white are chosen, told, kept in the model file and used after that."""

import json
import logging

import cv2
import numpy as np
import pytest
from pictures import COLOURS, encode, noise
from quick import convert

from edgecls.cli.evaluate import evaluate
from edgecls.cli.output import ReportFormat
from edgecls.errors import UsageError
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import verify
from edgecls.model.model_file import read_model

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_backbone")]


def wide(label, seed, width=160):
    """Told apart at both ends alone; the middle square is grey."""
    picture = (0.5 * noise(width, 40, [seed, 7])).astype(np.uint8)
    picture[:, : width // 4] = picture[:, -width // 4 :] = COLOURS[label]
    return picture


def tinted(label, seed):
    return (0.6 * np.array(COLOURS[label]) + 0.4 * noise(48, 40, seed)).astype(np.uint8)


def write(root, make, suffix=".png", white=255, labels=("red", "green", "blue"), count=12):
    for label in labels:
        (root / label).mkdir(parents=True)
        for number in range(count):
            values = np.round(make(label, number) / 255 * white)
            data = encode(values.astype(np.uint8 if white == 255 else np.uint16), suffix)
            (root / label / f"{number:02}{suffix}").write_bytes(data)
    return root


@pytest.fixture
def belts(tmp_path):
    return write(tmp_path / "belts", wide)


def test_where_the_ends_matter_all_is_seen(belts, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        done = convert(belts, tmp_path / "a.tflite", force=True)
    spec = done.model.info.preprocessing
    assert spec.fit in {"stretch", "pad"}
    assert spec.crop == 1
    assert done.settings["fit"] == spec.fit
    assert done.evaluation.accuracy == 1
    (line,) = (r.getMessage() for r in caplog.records if "outside the central square. Cross" in r.getMessage())
    assert line.endswith(f"Using --fit {spec.fit}")
    assert verify(read_model(tmp_path / "a.tflite"))
    classifier = Classifier(tmp_path / "a.tflite")
    assert classifier.classify(wide("red", 99)).top_k[0].label == "red"  # pixels, as a camera gives them
    jpeg = encode(cv2.resize(wide("blue", 99), (2560, 640)), ".jpg")  # which is decoded at a part of its size
    assert classifier.classify(jpeg).top_k[0].label == "blue"


def test_an_explicit_crop_stays_and_what_it_costs_is_reported(belts, tmp_path, caplog):
    done = convert(belts, tmp_path / "a.tflite", fit="crop", crop=0.9, force=True)
    assert (done.model.info.preprocessing.fit, done.model.info.preprocessing.crop) == ("crop", 0.9)
    assert "comparing fits" not in done.seconds
    (line,) = (r.getMessage() for r in caplog.records if "lies outside" in r.getMessage())
    assert line.startswith("80 % of the images' area lies outside the central square")
    assert "--fit stretch" in line


def test_an_explicit_fit_is_not_measured_and_bears_a_crop(belts, tmp_path, caplog):
    done = convert(belts, tmp_path / "a.tflite", fit="pad", crop=0.8, force=True)
    assert (done.model.info.preprocessing.fit, done.model.info.preprocessing.crop) == ("pad", 0.8)
    assert "comparing fits" not in done.seconds
    assert not [r for r in caplog.records if "lies outside" in r.getMessage()]


def test_of_nearly_square_pictures_nothing_is_measured(colours, tmp_path, caplog):
    done = convert(colours, tmp_path / "a.tflite")
    assert (done.model.info.preprocessing.fit, done.model.info.preprocessing.crop) == ("crop", 0.875)
    assert "comparing fits" not in done.seconds
    assert not [r for r in caplog.records if "outside" in r.getMessage()]


def test_an_unknown_fit(colours, tmp_path):
    with pytest.raises(UsageError, match=r"^unknown fit 'letterbox' \(known: crop, stretch, pad, auto\)"):
        convert(colours, tmp_path / "a.tflite", fit="letterbox")


def test_files_of_twelve_bits_from_training_to_the_device(tmp_path, caplog, capsys):
    shallow = write(tmp_path / "shallow", tinted, labels=("red", "blue"))
    deep = write(tmp_path / "deep", tinted, white=4095, labels=("red", "blue"))
    done = convert(deep, tmp_path / "a.tflite", force=True)
    spec = read_model(tmp_path / "a.tflite").info.preprocessing
    assert (spec.white8, spec.white16) == (255, 4095)
    assert verify(done.model)
    classifier = Classifier(tmp_path / "a.tflite")
    of_both = [
        [np.array([p.score for p in classifier.classify(path).top_k]) for path in sorted(root.rglob("*.png"))]
        for root in (shallow, deep)
    ]
    assert max(np.abs(a - b).max() for a, b in zip(*of_both, strict=True)) < 0.05
    assert not [r for r in caplog.records if "the model takes" in r.getMessage()]
    capsys.readouterr()
    evaluate(deep, model=[tmp_path / "a.tflite"], split="test", output_format=ReportFormat.json)
    assert json.loads(capsys.readouterr().out)["accuracy"] == done.evaluation.accuracy


def test_a_model_of_counted_digits_knows_their_scale(tmp_path, capsys):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = np.where(labels[:, None, None] == 1, 8.0, 1.0) + rng.uniform(0, 3, (60, 8, 8))
    images[:, 0, 0] = 16
    np.savez(tmp_path / "digits.npz", x_train=images, y_train=labels)
    done = convert(tmp_path / "digits.npz", tmp_path / "a.tflite", force=True)
    assert done.model.info.dataset["array"] == {"dtype": "float64", "white": 16}
    np.savez(tmp_path / "dim.npz", x_train=np.minimum(images, 12), y_train=labels)
    capsys.readouterr()
    evaluate(tmp_path / "dim.npz", model=[tmp_path / "a.tflite"], output_format=ReportFormat.json)
    assert json.loads(capsys.readouterr().out)["n"] == 60
