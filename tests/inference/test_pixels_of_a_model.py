"""The device sees pictures as the model file says: its fit, and what is white."""

import cv2
import numpy as np
import pytest
from pictures import COLOURS, encode, noise, plain
from serving_place import Place, run_daemon
from tiny_model import write

from edgecls.images.framing import Preprocessing
from edgecls.inference import classifier
from edgecls.inference.classifier import Classifier


@pytest.fixture
def model(tmp_path):
    def make(**spec):
        return write(tmp_path / "model of pixels.tflite", preprocessing=Preprocessing(16, 16, **spec))

    return make


def belt():
    """Red and green at both ends, and a little blue in the middle."""
    picture = plain("red", 400, 40)
    picture[:, 160:240] = COLOURS["blue"]
    return picture


@pytest.mark.parametrize(("fit", "label"), [("crop", "blue"), ("stretch", "red"), ("pad", "red")])
@pytest.mark.parametrize("enlarged", [1, 8])
def test_files_and_camera_frames_are_fitted_alike(model, fit, label, enlarged):
    picture = np.kron(belt(), np.ones((enlarged, enlarged, 1), np.uint8))
    one = Classifier(model(fit=fit))
    for image in (picture, encode(picture), encode(picture, ".jpg")):
        assert one.classify(image).top_k[0].label == label


def twelve_bits(colour):
    return encode(plain(COLOURS[colour]).astype(np.uint16) * 16)


def test_a_file_of_twelve_bits(model):
    knows = Classifier(model(white16=4095))
    assert knows.classify(twelve_bits("red")).top_k == knows.classify(encode(plain("red"))).top_k
    assert knows.classify(twelve_bits("red")).label == "red"
    assert Classifier(model()).classify(twelve_bits("red")).score < 0.9  # nearly black


def test_saved_frames_of_twelve_bits_are_as_the_model_sees_them(tmp_path, model, manager):
    place = Place(tmp_path, model(white16=4095), manager)
    place.configure('[saved_frames]\nkeep = "all"', 'path = "inbox"\nafter = "delete"')
    picture = noise(64, 48)
    (tmp_path / "inbox" / "deep.png").write_bytes(encode(picture.astype(np.uint16) * 16))
    run_daemon(place)
    (saved,) = (tmp_path / "frames").rglob("*.jpg")
    off = cv2.imread(str(saved))[:, :, ::-1].astype(int) - picture
    assert np.abs(off).mean() < 5


def test_the_daemon_says_once_that_much_of_wide_pictures_is_not_seen(tmp_path, model, manager, caplog, monkeypatch):
    monkeypatch.setattr(classifier, "_logged", set())
    for fit, lines in (("crop", 1), ("pad", 0)):
        folder = tmp_path / fit
        folder.mkdir()
        place = Place(folder, model(fit=fit), manager)
        for number in range(3):
            (folder / "inbox" / f"{number}.png").write_bytes(encode(noise(160, 90, number)))
        (folder / "inbox" / "nearly square.png").write_bytes(encode(noise(40, 30)))
        caplog.clear()
        run_daemon(place, *[lambda: None] * 3)
        messages = [record.getMessage() for record in caplog.records if "lies outside" in record.getMessage()]
        assert len(messages) == lines
        assert all("pictures of 160 x 90: 44 % of their area lies outside" in line for line in messages)
