"""What a network consists of."""

import pytest
from tiny_model import build

from edgecls.inference.runtimes.operators import Operator, delegated, multiply_adds, operators
from edgecls.model.bundled import default_model


def test_the_tiny_model(tiny_model):
    found = operators(tiny_model.path, "litert")
    assert [each.name for each in found] == ["QUANTIZE", "AVERAGE_POOL_2D", "FULLY_CONNECTED", "SOFTMAX", "QUANTIZE"]
    assert found[2] == Operator("FULLY_CONNECTED", (1, 3), 9)
    assert sum(each.multiply_adds for each in found) == 9


def test_efficientnet_lite0_has_about_as_many_as_is_published():
    """407 million, says its README, and not what else than convolutions it counts; by the shapes it is 385."""
    total = sum(each.multiply_adds for each in operators(default_model(), "litert"))
    assert total == pytest.approx(407e6, rel=0.06)


def test_xnnpack_takes_it_over():
    assert delegated(default_model(), "litert") is True


def test_a_runtime_that_does_not_tell(monkeypatch, tiny_model):
    monkeypatch.delattr("ai_edge_litert.interpreter.Interpreter._get_ops_details")
    assert operators(tiny_model.path, "litert") is None
    assert delegated(tiny_model.path, "litert") is None


@pytest.mark.parametrize(
    ("name", "inputs", "output", "count"),
    [
        ("CONV_2D", [(1, 224, 224, 3), (32, 3, 3, 3), (32,)], (1, 112, 112, 32), 112 * 112 * 32 * 27),
        ("DEPTHWISE_CONV_2D", [(1, 8, 8, 4), (1, 3, 3, 4), (4,)], (1, 8, 8, 4), 8 * 8 * 4 * 9),
        ("FULLY_CONNECTED", [(1, 1280), (1000, 1280)], (1, 1000), 1_280_000),
        ("BATCH_MATMUL", [(1, 4, 5), (1, 5, 6)], (1, 4, 6), 120),
        ("ADD", [(1, 8), (1, 8)], (1, 8), 0),
        ("SOFTMAX", [(1, 8)], (1, 8), 0),
    ],
)
def test_multiply_adds(name, inputs, output, count):
    assert multiply_adds(name, inputs, output) == count


def test_a_grey_network(tmp_path):
    path = tmp_path / "grey.tflite"
    path.write_bytes(build(channels=1))
    assert operators(path, "litert")[2].multiply_adds == 3
