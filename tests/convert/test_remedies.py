"""What is done where a quantized model loses too much."""

from pathlib import Path

import numpy as np
import pytest
from quick import convert

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.cli.convert import _print_trust
from edgecls.convert import maker as maker_module
from edgecls.convert import pipeline
from edgecls.convert.data.samples import Sample
from edgecls.convert.evaluation.gate import compare_precisions
from edgecls.convert.evaluation.predictions import Predictions
from edgecls.errors import BadData

pytestmark = pytest.mark.usefixtures("tiny_backbone")


def test_a_model_that_loses_too_much_is_not_written(colours, tmp_path, capsys):
    """Here even one that loses nothing: it is asked to be better than the float one."""
    with pytest.raises(BadData, match=r"int8 loses too much, with its head refitted too: accuracy 1\.0000 .* --force"):
        convert(colours, tmp_path / "m.tflite", max_drop=-0.5)
    assert not (tmp_path / "m.tflite").exists()
    done = convert(colours, tmp_path / "m.tflite", max_drop=-0.5, force=True)
    assert done.remedies == tuple(maker_module.REMEDIES)
    assert done.remedy == done.remedies[-1]  # of equals the last
    assert not done.passed
    _print_trust(done, "int8")
    said = capsys.readouterr().out
    assert f"tried, since it cost more than allowed: {done.remedy}: this is in the model" in said
    assert "it costs more than the -0.5 allowed: written all the same, since --force was given" in said
    assert "none of the labels is ever answered" in said or "is never answered: its " in said
    metrics = done.model.info.metrics
    assert metrics["gate"] == {"drop": 0.0, "agreement": 1.0, "passed": False}
    # The head that was refitted has a temperature of its own.
    assert metrics["temperature"] == round(done.temperature, 6)
    assert metrics["temperature"] != convert(colours, tmp_path / "n.tflite").model.info.metrics["temperature"]


def of_accuracy(share):
    """Predictions of 100 images, of which that share is right."""
    samples = tuple(Sample(Path(f"{n}.png"), "a", "test") for n in range(100))
    scores = np.eye(2, dtype=np.float32)[(np.arange(100) >= round(100 * share)).astype(int)]
    return Predictions(samples, ("a", "b"), scores, np.zeros(100, np.intp))


@pytest.mark.parametrize(
    ("first", "others", "best", "tried"),
    [
        (0.80, (0.90, 0.70), 0, 1),  # as good as float: no more is tried
        (0.80, (0.84, 0.82), 0, 2),
        (0.80, (0.82, 0.84), 1, 2),
        (0.80, (0.70, 0.79), None, 2),
        (0.80, (0.80, 0.70), 0, 2),
    ],
)
def test_of_several_remedies_the_best_on_the_validation_images_is_taken(first, others, best, tried):
    names = list(maker_module.REMEDIES)
    maker = object.__new__(maker_module.Maker)
    accuracies = {b"float": 0.90, b"first": first, **dict(zip(map(str.encode, names), others, strict=True))}
    maker.validate = lambda flatbuffer: of_accuracy(accuracies[flatbuffer])
    maker._refitted = lambda remedy, _: maker_module.Made(remedy.encode(), None, remedy)
    found, remedies = maker._best_remedy(maker_module.Made(b"first", None), b"float", 0.01)
    assert found.remedy == ("" if best is None else names[best])
    assert remedies == tuple(names[:tried])


@pytest.mark.parametrize(
    ("quantization", "before", "after", "said"),
    [
        ("int8", 0.90, 0.85, "allow it with --max-drop 0.05, choose --quantize float16, or write it all the same"),
        ("float16", 0.90, 0.87, "allow it with --max-drop 0.03, choose --quantize float32, or write it all the same"),
        ("float32", 0.90, 0.90, "allow it with --max-drop 0, or write it all the same"),
    ],
)
def test_what_is_suggested_helps(quantization, before, after, said):
    gate = compare_precisions(of_accuracy(before), of_accuracy(after))
    assert said in pipeline._failure(gate, quantization, ())
    assert gate.passes(float(said.split("--max-drop ")[1].split(",")[0]))
