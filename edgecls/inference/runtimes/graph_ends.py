"""Inspect both ends of a network: how its first operators scale the pixels, and which operator is the last.

The list of operators comes from a private method of the interpreters of LiteRT and tflite-runtime. If it is missing,
nothing is known.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ARITHMETIC = {"MUL": np.multiply, "ADD": np.add, "SUB": np.subtract, "DIV": np.divide}
_PASS_ON = {"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE"}
_LONGEST = 6  # operators that are looked at from either end
_NORMALIZED = 6.0
"""Greatest distance of a normalized pixel from 0, for any usual mean and deviation; ImageNet's is 2.7."""


class _Operator(NamedTuple):
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def last_operator(interpreter: Any) -> str | None:
    """Return the name of the operator that computes the output, before any that only copy or quantize; None if unknown."""
    operators = _operators(interpreter)
    tensor = int(interpreter.get_output_details()[0]["index"])
    name = None
    for _ in range(_LONGEST):
        producer = next((one for one in operators if tensor in one.outputs), None)
        if producer is None:
            break
        name = producer.name
        if name not in _PASS_ON or not producer.inputs:
            break
        tensor = producer.inputs[0]
    return name


def pixel_range(interpreter: Any) -> str | None:
    """Return the range of pixels, `0..255` or `0..1`, that the network's own first operators normalize.

    None where it does not begin with arithmetic on constants, or where neither range fits: a converter may have merged
    that arithmetic into the first convolution.
    """
    operators = _operators(interpreter)
    tensor = int(interpreter.get_input_details()[0]["index"])
    levels: dict[float, NDArray[Any]] = {high: np.array([[0.0], [high]]) for high in (255.0, 1.0)}
    is_scaled = False
    for _ in range(_LONGEST):
        users = [one for one in operators if tensor in one.inputs]
        constant = _constant(interpreter, users[0], tensor) if len(users) == 1 else None
        if constant is None:
            break
        apply, swapped = _ARITHMETIC[users[0].name], users[0].inputs[0] != tensor
        with np.errstate(all="ignore"):
            levels = {h: apply(constant, v) if swapped else apply(v, constant) for h, v in levels.items()}
        tensor, is_scaled = users[0].outputs[0], True
    if not is_scaled:
        return None
    return next((f"0..{high:.0f}" for high, values in levels.items() if np.abs(values).max() <= _NORMALIZED), None)


def _constant(interpreter: Any, operator: _Operator, tensor: int) -> NDArray[Any] | None:
    """Return the constant operand of an arithmetic operator, (1, channels) or (1, 1); None if there is none."""
    others = [index for index in operator.inputs if index != tensor]
    if operator.name not in _ARITHMETIC or len(others) != 1:
        return None
    try:
        values = np.asarray(interpreter.get_tensor(others[0]), np.float64)
    except (ValueError, RuntimeError):
        return None
    return values.reshape(1, -1) if values.size in (1, 3) and np.isfinite(values).all() else None


def _operators(interpreter: Any) -> list[_Operator]:
    try:
        return [
            _Operator(str(one["op_name"]), tuple(map(int, one["inputs"])), tuple(map(int, one["outputs"])))
            for one in interpreter._get_ops_details()  # noqa: SLF001
            if one["op_name"] != "DELEGATE"
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
