"""What is done where a quantized model loses too much."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from quick import convert

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.cli.conversion_summary import print_conversion
from edgecls.progress import Progress
from edgecls.training import exporter as exporter_module
from edgecls.training.data.samples import Sample
from edgecls.training.evaluation.predictions import Predictions

pytestmark = pytest.mark.usefixtures("tiny_backbone")


def test_a_model_that_loses_too_much_is_written_if_forced(colours, tmp_path, capsys):
    """Here even one that loses nothing: it is asked to be better than the float one."""
    done = convert(colours, tmp_path / "m.tflite", max_drop=-0.5, force=True)
    assert done.remedies == tuple(exporter_module.REMEDIES)
    assert done.remedy == done.remedies[-1]  # of equals the last
    assert not done.passed
    assert done.rejected is None
    print_conversion(done)
    said = capsys.readouterr().out
    assert f"remedy tried, as it lost more than allowed: {done.remedy}: used in the model" in said
    assert "written because of --force, although it loses more than the -0.5 allowed" in said
    assert "none of the labels is ever answered" in said or "is never answered: its " in said
    metrics = done.model.info.metrics
    low, high = metrics["gate"].pop("interval")
    assert low < 0 < high
    assert metrics["gate"] == {"drop": 0.0, "agreement": 1.0, "passed": False}
    assert metrics["temperature"] == convert(colours, tmp_path / "n.tflite").model.info.metrics["temperature"]


def of_accuracy(share):
    """Predictions of 100 images, of which that share is right."""
    samples = tuple(Sample(Path(f"{n}.png"), "a", "test") for n in range(100))
    scores = np.eye(2, dtype=np.float32)[(np.arange(100) >= round(100 * share)).astype(int)]
    return Predictions(samples, ("a", "b"), scores, np.zeros(100, np.intp))


def off_by(difference, right=True):
    """Predictions of 100 images whose scores are so far from 0.9 and 0.1; `right`, or wrong."""
    samples = tuple(Sample(Path(f"{n}.png"), "a", "test") for n in range(100))
    scores = np.full((100, 2), (0.9 - difference, 0.1 + difference), np.float32)
    return Predictions(samples, ("a", "b"), scores if right else scores[:, ::-1], np.zeros(100, np.intp))


WRONG = off_by(0.1, right=False)
"""0.7 from float; the more its scores are off, the nearer they come."""


@pytest.mark.parametrize(
    ("first", "others", "best", "tried"),
    [
        (off_by(0.3), (off_by(0.1), off_by(0.0)), 0, 1),  # as right as float: no more is tried
        (WRONG, (off_by(0.2, right=False), off_by(0.3, right=False)), 1, 2),
        (WRONG, (off_by(0.3, right=False), off_by(0.2, right=False)), 0, 2),
        (off_by(0.2), (WRONG, WRONG), None, 2),
        (off_by(0.2), (off_by(0.2), off_by(0.0)), 0, 1),  # of equals the last
    ],
)
def test_of_several_remedies_the_nearest_to_float_on_the_validation_images_is_taken(first, others, best, tried):
    names = list(exporter_module.REMEDIES)
    exporter = object.__new__(exporter_module.ModelExporter)
    found = {b"float": off_by(0.0), b"first": first, **dict(zip(map(str.encode, names), others, strict=True))}
    exporter.validate = found.__getitem__
    exporter._refitted = lambda remedy, _: exporter_module.QuantizedModel(remedy.encode(), remedy)
    made, remedies = exporter._best_remedy(exporter_module.QuantizedModel(b"first"), b"float", 0.01)
    assert made.remedy == ("" if best is None else names[best])
    assert remedies == tuple(names[:tried])


def test_a_refitted_head_makes_of_int8_features_what_it_made_of_float_ones(monkeypatch):
    """Features that int8 shifts and shrinks, and some noise: of that a linear layer can undo all but the noise."""
    import keras

    from edgecls.training.quantization import remedy

    chance = np.random.default_rng(1)
    exact = chance.normal(1, 1, (400, 8)).astype(np.float32)
    int8 = (exact * 0.8 + 0.3 + chance.normal(0, 0.01, exact.shape)).astype(np.float32)
    inputs = keras.Input((8,))
    features = keras.layers.Identity(name="features")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="probabilities")(features))
    monkeypatch.setattr(remedy.quantize, "to_float", lambda *_: b"")
    monkeypatch.setattr(remedy.quantize, "quantize", lambda *_: b"")
    monkeypatch.setattr(remedy, "_features", lambda _, __, name: {"float features": exact, "int8 features": int8}[name])
    seen, unseen = slice(0, 300), slice(300, None)
    wanted, before = network(exact[unseen]).numpy(), network(int8[unseen]).numpy()
    exact, int8, rest = exact[seen], int8[seen], int8[unseen]
    data = SimpleNamespace(progress=Progress(), backbone=SimpleNamespace(mean=0.0, std=1.0))
    remedy.refit_head(network, data, ())
    assert np.abs(network(rest).numpy() - wanted).mean() < np.abs(before - wanted).mean() / 4
