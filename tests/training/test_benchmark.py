"""tools/benchmark_convert.py: both of its sides, on a few images and a backbone of one convolution."""

import argparse
import importlib.util
import json
import math

import pytest
from paths import ROOT

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.training.settings import Training

TOOL = ROOT / "tools" / "benchmark_convert.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_convert", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def figures(benchmark, colours, tiny_backbone, monkeypatch):
    """Of a side, as they come back from its process."""
    monkeypatch.setattr(benchmark, "DEFAULT_BACKBONE", tiny_backbone.name)
    monkeypatch.setattr(benchmark, "HEAD_ONLY", Training(fine_tune="none", epochs=5, learning_rate=0.5))
    arguments = argparse.Namespace(dataset=colours, split_file=None, seed=0, epochs=3)
    return lambda side: json.loads(json.dumps(benchmark.SIDES[side](arguments)))


def test_the_guide_is_measured_after_each_epoch(figures):
    found = figures("guide")
    seconds = [each["seconds"] for each in found["epochs"]]
    assert len(seconds) == 3
    assert seconds == sorted(seconds)
    assert (found["trained"], found["float"]) == (seconds[-1], found["epochs"][-1]["test"])
    assert all(0 <= each[split] <= 1 for each in found["epochs"] for split in ("validation", "test"))


def test_edgecls_is_measured_when_it_is_trained_and_when_it_is_finished(figures):
    found = figures("edgecls")
    assert 0 < found["trained"] < found["finished"]
    assert 0 <= found["int8"] <= 1


def test_the_time_to_the_same_accuracy(benchmark):
    epochs = [{"seconds": n, "test": accuracy} for n, accuracy in ((2.0, 0.7), (3.0, 0.9), (4.0, 0.8))]
    found = [benchmark.seconds_to(accuracy, {"epochs": epochs}) for accuracy in (0.7, 0.8, 0.9, 0.91)]
    assert found == [2, 3, 3, math.inf]
