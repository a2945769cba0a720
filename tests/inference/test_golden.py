from dataclasses import replace

import numpy as np
import pytest
from tiny_model import write

from edgecls.errors import BadModel
from edgecls.inference import golden
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden, verify
from edgecls.model.model_file import GoldenExample


@pytest.fixture
def model(tmp_path, golden_examples):
    """The tiny model with other golden examples, or with changes to its info."""

    def model(examples=golden_examples, **changes):
        return write(tmp_path / "model.tflite", examples=examples, **changes)

    return model


def test_the_right_model_passes(tiny_model):
    assert verify(tiny_model) == {"examples": 4, "fast kernels": "within tolerance", "reference kernels": "exact"}
    assert replay_golden(Classifier(tiny_model)) == 4
    assert replay_golden(Classifier(tiny_model, reference_kernels=True), exact=True) == 4


def test_a_float_model_is_not_compared_exactly(model):
    assert verify(model(quantization="float32"))["reference kernels"] == "not compared"


def test_a_model_without_examples(model):
    assert verify(model([]))["examples"] == 0
    assert replay_golden(Classifier(model([]))) == 0


def off_by(golden_examples, difference):
    """The mixed example's first output moved."""
    *others, last = golden_examples
    first, *rest = last.outputs
    return [*others, replace(last, outputs=(first + difference, *rest))]


def test_another_output_is_refused(model, golden_examples):
    tampered = model(off_by(golden_examples, 26))
    with pytest.raises(
        BadModel, match=r"golden example 3 is off by 0\.10. \(0\.020 allowed\) with [a-z-]+: update the"
    ):
        replay_golden(Classifier(tampered))


def test_the_tolerance_is_the_models_own_and_for_fast_kernels_only(model, golden_examples):
    tampered = model(off_by(golden_examples, 1))
    assert replay_golden(Classifier(tampered)) == 4
    with pytest.raises(BadModel, match=r"golden example 3 is off by 0\.004 \(0\.000 allowed\)"):
        verify(tampered)
    with pytest.raises(BadModel, match=r"\(0\.001 allowed\)"):
        replay_golden(Classifier(model(off_by(golden_examples, 1), golden_tolerance=0.001)))


@pytest.mark.parametrize("outputs", [(), (255,), (255, 0, 0, 0), (float("nan"), 0, 0), (1e9, 0, 0), (-300, 0, 0)])
def test_outputs_that_cannot_be(model, golden_examples, outputs):
    with pytest.raises(BadModel, match="golden example 0 is off by"):
        replay_golden(Classifier(model([replace(golden_examples[0], outputs=outputs)])))


def test_an_example_that_does_not_decode(model):
    with pytest.raises(BadModel, match="golden example 0 is off by inf"):
        replay_golden(Classifier(model([GoldenExample(b"no image", (255, 0, 0))])))


@pytest.mark.parametrize(
    "other",
    [
        lambda image, spec: golden_load(image, spec)[:, :, ::-1],
        lambda image, spec: golden_load(image, spec) // 2,
        lambda image, spec: np.zeros_like(golden_load(image, spec)),
    ],
    ids=["BGR instead of RGB", "half as bright", "black"],
)
def test_another_preprocessing_is_refused(tiny_model, monkeypatch, other):
    monkeypatch.setattr(golden, "load_pixels", other)
    with pytest.raises(BadModel, match="does not reproduce its recorded outputs"):
        verify(tiny_model)


golden_load = golden.load_pixels


def test_another_crop_is_refused(model, golden_examples, tiny_model):
    """The mixed example's colours depend on what is seen."""
    changed = replace(tiny_model.info.preprocessing, crop=0.2)
    with pytest.raises(BadModel, match="golden example 3"):
        replay_golden(Classifier(model(golden_examples, preprocessing=changed)))
