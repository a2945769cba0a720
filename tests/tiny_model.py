"""A real model of a few hundred bytes: it tells which of red, green and blue an image has most of.

Built from TFLite's own schema, so that the tests of the device need no TensorFlow:

    pixels uint8 -> QUANTIZE int8 -> AVERAGE_POOL_2D -> FULLY_CONNECTED -> SOFTMAX -> QUANTIZE uint8
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecls.device.runtimes import open_runtime
from edgecls.model_file import GoldenExample, ModelInfo, write_model
from edgecls.preprocess import Preprocessing, load_pixels

LABELS = ("red", "green", "blue")
SIZE = 16
SPEC = Preprocessing(SIZE, SIZE, "crop", 0.875)
_TYPES = {"uint8": schema.TensorType.UINT8, "int8": schema.TensorType.INT8, "float32": schema.TensorType.FLOAT32}
_OP = schema.BuiltinOperator
_OPTIONS = schema.BuiltinOptions
_LOGITS_PER_LEVEL = 1 / 16  # a channel that is 16 levels brighter has one logit more


class _Graph:
    """A subgraph under construction; tensors are numbered as they are added."""

    def __init__(self):
        self.buffers = [_buffer(None)]  # by convention the first is empty
        self.tensors, self.operators, self.codes = [], [], []

    def tensor(self, name, shape, dtype, scale=0.0, zero_point=0, data=None):
        one = schema.TensorT(shape=list(shape), type=_TYPES[dtype], name=name.encode())
        if scale:
            one.quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero_point])
        if data is not None:
            one.buffer = len(self.buffers)
            self.buffers.append(_buffer(data))
        self.tensors.append(one)
        return len(self.tensors) - 1

    def operator(self, code, version, inputs, output, options=None, kind=_OPTIONS.NONE):
        self.codes.append(schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=version))
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=len(self.codes) - 1,
                inputs=inputs,
                outputs=[output],
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )
        return output

    def pack(self, inputs, outputs):
        subgraph = schema.SubGraphT(
            tensors=self.tensors, inputs=inputs, outputs=outputs, operators=self.operators, name=b"main"
        )
        model = schema.ModelT(
            version=3, operatorCodes=self.codes, subgraphs=[subgraph], buffers=self.buffers, description=b"tiny"
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _buffer(data):
    return schema.BufferT(data=None if data is None else np.frombuffer(data.tobytes(), np.uint8))


def build(*, size=SIZE, input_type="uint8", output_type="uint8", channels=3, outputs=1):
    """The flatbuffer, without metadata; the options make variants that edgecls takes, and some that it refuses."""
    graph = _Graph()
    zero_point = {"uint8": 0, "int8": -128, "float32": 0}[input_type]
    scale = 0.0 if input_type == "float32" else 1.0
    pixels = graph.tensor("pixels", (1, size, size, channels), input_type, scale, zero_point)
    probabilities = _classify(graph, _pool(graph, pixels, size, channels), channels)
    if output_type == "float32":
        score = graph.operator(_OP.DEQUANTIZE, 2, [probabilities], graph.tensor("score", (1, 3), "float32"))
    else:
        score = graph.operator(_OP.QUANTIZE, 2, [probabilities], graph.tensor("score", (1, 3), "uint8", 1 / 256, 0))
    return graph.pack([pixels], [score, probabilities][:outputs])


def _pool(graph, pixels, size, channels):
    """The mean of each channel, in levels of 0 to 255."""
    levels = graph.tensor("levels", (1, size, size, channels), "int8", 1.0, -128)
    graph.operator(_OP.QUANTIZE, 2, [pixels], levels)
    pool = schema.Pool2DOptionsT(padding=1, strideW=1, strideH=1, filterWidth=size, filterHeight=size)
    means = graph.tensor("means", (1, 1, 1, channels), "int8", 1.0, -128)
    return graph.operator(_OP.AVERAGE_POOL_2D, 2, [levels], means, pool, _OPTIONS.Pool2DOptions)


def _classify(graph, means, channels):
    weights = np.eye(3, channels, dtype=np.int8) * 127
    weight_scale = _LOGITS_PER_LEVEL / 127
    kernel = graph.tensor("kernel", weights.shape, "int8", weight_scale, 0, weights)
    # No round number: between two steps, runtimes may round either way, and round numbers fall there often.
    logits = graph.tensor("logits", (1, 3), "int8", 0.1237, -128)
    dense = schema.FullyConnectedOptionsT()
    graph.operator(_OP.FULLY_CONNECTED, 4, [means, kernel], logits, dense, _OPTIONS.FullyConnectedOptions)
    probabilities = graph.tensor("probabilities", (1, 3), "int8", 1 / 256, -128)
    softmax = schema.SoftmaxOptionsT(beta=1.0)
    return graph.operator(_OP.SOFTMAX, 2, [logits], probabilities, softmax, _OPTIONS.SoftmaxOptions)


def info(**changes):
    """What edgecls.json says about the tiny model, with `changes`."""
    values = {
        "name": "tiny",
        "preprocessing": SPEC,
        "quantization": "int8",
        "backbone": "none",
        "thresholds": {"green": 0.9},
        "metrics": {"accuracy": 1.0},
        "dataset": {"seed": 0},
        "versions": {"edgecls": "0"},
        "golden_tolerance": 0.02,
    }
    return ModelInfo(**{**values, **changes})


def golden(images, work, spec=SPEC):
    """Golden examples of `images` (encoded), by the reference kernels; `work` is a folder."""
    model = work / "plain.tflite"
    model.write_bytes(build(channels=spec.channels))
    runtime = open_runtime(model, threads=1, reference_kernels=True)
    return [GoldenExample(image, tuple(runtime.invoke(load_pixels(image, spec)).tolist())) for image in images]


def write(path, flatbuffer=None, *, labels=LABELS, examples=(), **changes):
    """Write the tiny model, or another `flatbuffer`, with labels, golden examples and changes to its `info`."""
    return write_model(path, flatbuffer or build(), info(**changes), labels, examples, mean=127.0, std=128.0)
