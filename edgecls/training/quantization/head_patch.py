"""The last layer of a .tflite: cut it off, or replace its weights, without converting the network again."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgecls.model.tflite_metadata import pack


def without_head(flatbuffer: bytes) -> bytes:
    """Return the model up to the input of its last dense layer: pixels -> features (1, n)."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    graph = model.subgraphs[0]
    number = _last_dense(model)
    features = graph.operators[number].inputs[0]
    graph.operators, graph.outputs = graph.operators[:number], [features]
    model.signatureDefs = []
    return pack(model, len(flatbuffer))


def with_head(
    flatbuffer: bytes, kernel: NDArray[np.float32], bias: NDArray[np.float32], logits: NDArray[np.float32]
) -> bytes:
    """Return the int8 model with another last layer: `kernel` (features, classes) and `bias` (classes,).

    `logits` are what that layer computes for calibration images, (images, classes): they give the range of its output.
    """
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    tensors = model.subgraphs[0].tensors
    layer = model.subgraphs[0].operators[_last_dense(model)]
    features, weights, biases = (tensors[int(index)] for index in layer.inputs)
    rows = kernel.T
    axis = 1 if len(weights.quantization.scale) > 1 else None  # one scale a class, or one for all
    scales = np.atleast_1d(np.abs(rows).max(axis=axis)) / 127
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    _store(model, weights, np.clip(np.round(rows / scales[:, np.newaxis]), -127, 127).astype(np.int8), scales)
    scales = (scales * features.quantization.scale[0]).astype(np.float32)
    _store(model, biases, np.round(bias / scales).astype(np.int32), scales)
    low, high = min(float(logits.min()), 0.0), max(float(logits.max()), 0.0)
    output = tensors[int(layer.outputs[0])].quantization
    step = max((high - low) / 255, 1e-6)
    output.scale, output.zeroPoint = np.array([step], np.float32), np.array([round(-128 - low / step)], np.int64)
    return pack(model, len(flatbuffer))


def _last_dense(model: Any) -> int:
    dense = schema.BuiltinOperator.FULLY_CONNECTED
    operators = model.subgraphs[0].operators
    numbers = [i for i, each in enumerate(operators) if model.operatorCodes[each.opcodeIndex].builtinCode == dense]
    return numbers[-1]


def _store(model: Any, tensor: Any, values: NDArray[Any], scales: NDArray[Any]) -> None:
    """Give the tensor a buffer of its own: the converter may have shared its old one with another tensor."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)
    tensor.quantization.scale = scales
    tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)
