"""A real model of a few hundred bytes that finds the strongest of red, green and blue in an image.

Built from TFLite's own schema, so that the tests of the device need no TensorFlow:

    pixels uint8 -> QUANTIZE int8 -> AVERAGE_POOL_2D -> FULLY_CONNECTED -> SOFTMAX -> QUANTIZE uint8
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.inference.runtimes import open_runtime
from edgecls.model.model_file import GoldenExample, ModelInfo, _append_zip, write_model
from edgecls.model.tflite_metadata import embed

LABELS = ("red", "green", "blue")
SIZE = 16
SPEC = Preprocessing(SIZE, SIZE, "crop", 0.875)
_TYPES = {"uint8": schema.TensorType.UINT8, "int8": schema.TensorType.INT8, "float32": schema.TensorType.FLOAT32}
_TYPES["int32"] = schema.TensorType.INT32
_OP = schema.BuiltinOperator
_OPTIONS = schema.BuiltinOptions
_LOGITS_PER_LEVEL = 1 / 16  # a channel that is 16 levels brighter has one logit more


class _Graph:
    """A subgraph under construction; tensors are numbered in the order of addition."""

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


def build(
    *,
    size=SIZE,
    input_type="uint8",
    output_type="uint8",
    channels=3,
    outputs=1,
    pixel_range=(0, 255),
    input_quantization=None,
    rescaled=False,
    activation="softmax",
    classes=3,
    shape=None,
    shape_signature=None,
    first_operator=None,
):
    """Return the flatbuffer without metadata; the options make variants, some of which edgecls refuses.

    `pixel_range` is what the network takes for black and white: of a float input, or of `input_quantization` (scale,
    zero point). `rescaled` begins with the multiplication and addition that bring pixels of 0 to 255 there.
    `activation` is softmax, logistic or None (logits, float32). `shape` and `shape_signature` are the input's.
    """
    graph = _Graph()
    low, high = pixel_range
    scale = (high - low) / 255
    default = {"uint8": (scale, round(-low / scale)), "int8": (scale, round(-128 - low / scale)), "float32": (0.0, 0)}
    pixels = graph.tensor(
        "pixels", shape or (1, size, size, channels), input_type, *(input_quantization or default[input_type])
    )
    if shape_signature:
        graph.tensors[pixels].shapeSignature = list(shape_signature)
    if first_operator:
        return graph.pack([pixels], [_custom(graph, first_operator, pixels)])
    image = _rescale(graph, pixels, size, channels, scale, low) if rescaled else pixels
    expected = (1, size, size, channels)
    if shape and shape != expected and np.prod(shape) == np.prod(expected):
        image = _reshape(graph, pixels, (1, size, size, channels), input_type, default[input_type])
    means = _pool(graph, image, size, channels, scale, round(-128 - low / scale))
    answer = _classify(graph, means, channels, scale, classes, activation)
    if activation is None or output_type == "float32":
        score = graph.operator(_OP.DEQUANTIZE, 2, [answer], graph.tensor("score", (1, classes), "float32"))
    else:
        score = graph.operator(_OP.QUANTIZE, 2, [answer], graph.tensor("score", (1, classes), "uint8", 1 / 256, 0))
    return graph.pack([pixels], [score, answer][:outputs])


def _custom(graph, name, pixels):
    graph.operator(_OP.CUSTOM, 1, [pixels], output := graph.tensor("score", (1, 3), "uint8", 1 / 256, 0))
    graph.codes[-1].customCode = name.encode()
    return output


def _reshape(graph, pixels, shape, dtype, quantization):
    target = graph.tensor("shape", (len(shape),), "int32", data=np.array(shape, np.int32))
    options = schema.ReshapeOptionsT(newShape=list(shape))
    image = graph.tensor("image", shape, dtype, *quantization)
    return graph.operator(_OP.RESHAPE, 1, [pixels, target], image, options, _OPTIONS.ReshapeOptions)


def _rescale(graph, pixels, size, channels, scale, low):
    """Multiply and add, as in a converted Rescaling layer of Keras."""
    shape = (1, size, size, channels)
    factor = graph.tensor("factor", (), "float32", data=np.float32(scale))
    offset = graph.tensor("offset", (), "float32", data=np.float32(low))
    scaled, moved = graph.tensor("scaled", shape, "float32"), graph.tensor("moved", shape, "float32")
    graph.operator(_OP.MUL, 1, [pixels, factor], scaled, schema.MulOptionsT(), _OPTIONS.MulOptions)
    return graph.operator(_OP.ADD, 1, [scaled, offset], moved, schema.AddOptionsT(), _OPTIONS.AddOptions)


def _pool(graph, pixels, size, channels, scale, zero_point):
    """Average each channel, in levels of 0 to 255."""
    levels = graph.tensor("levels", (1, size, size, channels), "int8", scale, zero_point)
    graph.operator(_OP.QUANTIZE, 2, [pixels], levels)
    pool = schema.Pool2DOptionsT(padding=1, strideW=1, strideH=1, filterWidth=size, filterHeight=size)
    means = graph.tensor("means", (1, 1, 1, channels), "int8", scale, zero_point)
    return graph.operator(_OP.AVERAGE_POOL_2D, 2, [levels], means, pool, _OPTIONS.Pool2DOptions)


def _classify(graph, means, channels, scale, classes, activation):
    """Add one class per channel; a single class means more red than green."""
    weights = np.eye(3, channels, dtype=np.int8) * 127 if classes == 3 else np.array([[127, -127, 0]], np.int8)
    weight_scale = _LOGITS_PER_LEVEL / 127 / scale
    kernel = graph.tensor("kernel", weights.shape, "int8", weight_scale, 0, weights)
    # No round number: between two steps, runtimes may round either way, and round numbers fall there often.
    logits = graph.tensor("logits", (1, classes), "int8", 0.1237, -128 if classes == 3 and scale == 1 else 0)
    dense = schema.FullyConnectedOptionsT()
    graph.operator(_OP.FULLY_CONNECTED, 4, [means, kernel], logits, dense, _OPTIONS.FullyConnectedOptions)
    if activation is None:
        return logits
    probabilities = graph.tensor("probabilities", (1, classes), "int8", 1 / 256, -128)
    if activation == "logistic":
        return graph.operator(_OP.LOGISTIC, 2, [logits], probabilities)
    softmax = schema.SoftmaxOptionsT(beta=1.0)
    return graph.operator(_OP.SOFTMAX, 2, [logits], probabilities, softmax, _OPTIONS.SoftmaxOptions)


def info(**changes):
    """Return the edgecls.json of the tiny model, with `changes`."""
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
    """Return golden examples of `images` (encoded), computed by the reference kernels; `work` is a folder."""
    model = work / "plain.tflite"
    model.write_bytes(build(channels=spec.channels))
    runtime = open_runtime(model, threads=1, reference_kernels=True)
    return [GoldenExample(image, tuple(runtime.invoke(load_pixels(image, spec)).tolist())) for image in images]


def with_metadata(flatbuffer, *, mean=(127.5,), std=(127.5,), size=(SIZE, SIZE), labels=LABELS):
    """Return the model as other tools write it: with TFLite Metadata and the label file appended."""
    described = embed(
        flatbuffer, name="tiny", description="", size=size, mean=mean, std=std, labels_file="names.txt", other_files=[]
    )
    return _append_zip(described, {"names.txt": "".join(f"{label}\n" for label in labels).encode()})


def write(path, flatbuffer=None, *, labels=LABELS, examples=(), images=None, **changes):
    """Write the tiny model, or another `flatbuffer`, with labels, golden examples and changes to its `info`."""
    flatbuffer = flatbuffer or build()
    return write_model(path, flatbuffer, info(**changes), labels, examples, mean=127.0, std=128.0, images=images)
