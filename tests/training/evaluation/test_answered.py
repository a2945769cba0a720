"""What `convert` writes down of its validation images is what the device then logs of them."""

from datetime import datetime, timedelta, timezone

import cv2
import numpy as np
import pytest
from image_folders import image, write_folder

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import edgecls
from edgecls.database.store import Store
from edgecls.device.runs import begin_run
from edgecls.inference.classifier import Classifier
from edgecls.progress import Progress
from edgecls.records import Frame
from edgecls.results.drift import verdict as module
from edgecls.results.drift.answers import Period
from edgecls.results.drift.verdict import DRIFT, NO_DRIFT, DriftLimits, find_drift
from edgecls.training.data.dataset import read_dataset
from edgecls.training.settings import Training

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def darkened(encoded):
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".png", cv2.GaussianBlur(pixels // 6, (9, 9), 0))[1].tobytes()


@pytest.fixture
def log(tmp_path):
    """Classify images, as the device does, into a database of their own."""

    def log(model, images):
        store = Store(tmp_path / f"{len(list(tmp_path.glob('*.db')))}.db")
        with store:
            begin_run(store, model, device="pi4", source="folder", config={})
            classifier = Classifier(model)
            for n, one in enumerate(images):
                store.write(classifier.classify(Frame("folder", str(n), NOON + timedelta(minutes=n), one)))
            store.end_run("done")
        return Store(store.path)

    return log


@pytest.mark.usefixtures("tiny_backbone")
def test_the_device_gives_the_answers_that_the_model_file_names(tmp_path, log, monkeypatch):
    monkeypatch.setattr(module, "MIN_ROWS", 20)
    colours = write_folder(tmp_path / "colours", dict.fromkeys(("blue", "green", "red"), 80))
    training = Training(epochs=5, learning_rate=0.5, fine_tune="none")
    model = edgecls.convert(colours, tmp_path / "m.tflite", backbone="tiny", training=training, min_precision=0.6).model
    said = model.info.metrics["validation"]
    samples = read_dataset(colours, None, 0, Progress()).of("validation")
    with log(model, [sample.read() for sample in samples]) as store:
        logged = dict(store.database.execute("SELECT label, sum(rows) FROM hourly_counts GROUP BY label"))
        tenths = dict(store.database.execute("SELECT bin, sum(rows) FROM hourly_counts GROUP BY bin"))
        same = find_drift(store.database, Period(), limits=DriftLimits(independent=True))
    assert said == {"n": len(samples), "labels": logged, "scores": [tenths.get(n, 0) for n in range(10)]}
    assert same.verdict == NO_DRIFT
    assert same.compared["scores"].p == same.compared["labels"].p == 1

    fresh = [image(label, 1000 + n) for n in range(40) for label in ("blue", "green", "red")]
    with log(model, map(darkened, fresh)) as store:
        found = find_drift(store.database, Period(), limits=DriftLimits(independent=True))
    assert found.verdict == DRIFT
    with log(model, fresh) as store:
        assert find_drift(store.database, Period(), limits=DriftLimits(independent=True)).verdict == NO_DRIFT
