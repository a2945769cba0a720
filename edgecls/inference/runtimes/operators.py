"""List the operators of a network, as its interpreter does.

The interpreters of LiteRT 2.3 and tflite-runtime 2.14 do not tell in Python how long each operator takes: the profiler
is in their libraries, and no binding of the wheels leads there. What can be had are the operators with their tensors.
Their list is of methods that both call experimental, hence the care.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from edgecls.images.native_output import captured_stderr
from edgecls.inference.runtimes import RUNTIMES


@dataclass(frozen=True, slots=True)
class Operator:
    """One node of the graph. `multiply_adds` is for one image; 0 if it is unknown."""

    name: str
    shape: tuple[int, ...]
    """of its output"""
    multiply_adds: int


def operators(model: Path, runtime: str) -> list[Operator] | None:
    """Return the nodes of the graph in order; None if this version of the runtime does not list them."""
    nodes = _nodes(model, runtime)
    return None if nodes is None else [node for node in nodes if node.name != "DELEGATE"]


def delegated(model: Path, runtime: str) -> bool | None:
    """Return whether a delegate (XNNPACK by default) runs nodes of the graph; None if the runtime does not tell."""
    nodes = _nodes(model, runtime)
    return None if nodes is None else any(node.name == "DELEGATE" for node in nodes)


def _nodes(model: Path, runtime: str) -> list[Operator] | None:
    """Return all nodes. A delegate is one more, after those of the graph."""
    with captured_stderr():
        interpreter = import_module(RUNTIMES[runtime][1]).open_interpreter(model, 1, reference_kernels=False)
        interpreter.allocate_tensors()
    try:
        shapes = {each["index"]: tuple(map(int, each["shape"])) for each in interpreter.get_tensor_details()}
        return [_operator(details, shapes) for details in interpreter._get_ops_details()]  # noqa: SLF001
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _operator(details: Any, shapes: dict[int, tuple[int, ...]]) -> Operator:
    inputs = [shapes.get(int(index), ()) for index in details["inputs"]]
    output = next((shapes.get(int(index), ()) for index in details["outputs"]), ())
    name = str(details["op_name"])
    return Operator(name, output, multiply_adds(name, inputs, output))


def multiply_adds(name: str, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int:
    """Return the number of multiply-adds of a TFLite operator, by the shapes of its tensors.

    Weights are (out, height, width, in) for a convolution, (1, height, width, out) for a depthwise one, and (out, in)
    for a fully connected layer: TFLite's own layouts. Grouped convolutions have fewer `in`.
    """
    if len(inputs) < 2:
        return 0
    weights = inputs[1]
    if name in ("CONV_2D", "FULLY_CONNECTED"):
        return math.prod(output) * math.prod(weights[1:])
    if name == "DEPTHWISE_CONV_2D":
        return math.prod(output) * math.prod(weights[1:3])
    if name == "BATCH_MATMUL":
        return math.prod(output) * (inputs[0][-1] if inputs[0] else 0)
    return 0
