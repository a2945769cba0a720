"""What is done where a quantized model loses too much."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from quick import convert

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras

from edgecls.cli.conversion_summary import print_conversion
from edgecls.inference.runtimes import open_runtime
from edgecls.progress import Progress
from edgecls.training import exporter as exporter_module
from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.predictions import Predictions
from edgecls.training.quantization import quantize, remedy
from edgecls.training.quantization.head_patch import without_head

pytestmark = pytest.mark.usefixtures("tiny_backbone")


@pytest.mark.slow
def test_a_model_that_loses_too_much_is_written_if_forced(colours, tmp_path, capsys):
    """Here even one that loses nothing: it is asked to be better than the float one."""
    done = convert(colours, tmp_path / "m.tflite", max_drop=-0.5, force=True)
    assert done.refit_tried
    assert not done.passed
    assert done.rejected is None
    print_conversion(done)
    output = capsys.readouterr().out
    assert "head refitted, because int8 lost more than allowed: " in output
    assert "written because of --force, although it loses more than the -0.5 allowed" in output
    assert "none of the labels is ever answered" in output or "is never answered: its " in output
    metrics = done.model.info.metrics
    low, high = metrics["gate"].pop("interval")
    assert low < 0 < high
    assert metrics["gate"] == {"drop": 0.0, "agreement": 1.0, "passed": False}
    assert metrics["temperature"] == convert(colours, tmp_path / "n.tflite").model.info.metrics["temperature"]


def off_by(difference):
    """Predictions of 100 images whose scores are so far from 0.9 and 0.1."""
    samples = tuple(Sample(Path(f"{n}.png"), "a", "test") for n in range(100))
    scores = np.full((100, 2), (0.9 - difference, 0.1 + difference), np.float32)
    return Predictions(samples, ("a", "b"), scores, np.zeros(100, np.intp))


@pytest.mark.parametrize(("plain", "refitted", "kept"), [(0.3, 0.1, True), (0.2, 0.3, False), (0.2, 0.2, True)])
def test_the_model_that_is_nearer_to_float_on_the_validation_images_is_kept(monkeypatch, plain, refitted, kept):
    exporter = object.__new__(exporter_module.ModelExporter)
    exporter._network, exporter._data = None, SimpleNamespace(train=None, work=None, progress=None)
    exporter.validate = {b"float": off_by(0.0), b"plain": off_by(plain), b"refitted": off_by(refitted)}.__getitem__
    monkeypatch.setattr(remedy, "refit_head", lambda *_: b"refitted")
    model = exporter._refit_head(exporter_module.QuantizedModel(b"plain"), b"float")
    assert model.refit_tried
    assert (model.head_refitted, model.flatbuffer) == (kept, b"refitted" if kept else b"plain")


@pytest.mark.parametrize("classes", [2, 5])
def test_a_refitted_head_makes_of_int8_features_what_the_float_head_makes_of_float_ones(tmp_path, monkeypatch, classes):
    """Features that int8 shifts and shrinks, and some noise: a linear layer can undo all but the noise."""
    keras.utils.set_random_seed(0)
    chance = np.random.default_rng(1)
    images = (chance.integers(0, 200, (300, 1, 1, 3)) + chance.integers(0, 56, (300, 8, 8, 3))).astype(np.uint8)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(name="features"),
            keras.layers.Dense(classes, activation="softmax", name="probabilities"),
        ]
    )
    last = network.layers[-1]
    last.set_weights([4 * last.get_weights()[0], np.linspace(-0.5, 0.5, classes, dtype=np.float32)])
    network = keras.Model(network.inputs[0], network.outputs[0])
    as_float = quantize.to_float(network, 127.0, 128.0)
    as_int8 = quantize.quantize(network, 127.0, 128.0, "int8", list(images[:20]))

    def outputs(flatbuffer, offset=0.0, factor=1.0):
        file = tmp_path / "m.tflite"
        file.write_bytes(flatbuffer)
        runtime = open_runtime(file, threads=1)
        return np.stack([runtime.scores(runtime.invoke(image)) for image in images]) * factor + offset

    features = {
        "float-features.tflite": outputs(without_head(as_float), 0.1, 1.1),
        "int8-features.tflite": outputs(without_head(as_int8)),
    }
    monkeypatch.setattr(remedy, "_extract", lambda _, __, file, ___: features[file.name])
    refitted = remedy.refit_head(network, as_float, as_int8, None, tmp_path, Progress())
    kernel, bias = last.get_weights()
    wanted = keras.ops.softmax(features["float-features.tflite"] @ kernel + bias).numpy()
    before, after = (np.abs(outputs(model) - wanted).mean() for model in (as_int8, refitted))
    assert after < before / 2, (before, after)
    assert after < 0.01
