"""The cost of a Keras network, counted over its layers, and the accuracy of its int8 version."""

import tempfile
from pathlib import Path

import numpy as np

from edgecls.inference.runtimes import open_runtime


def _kernels(network):
    """Yield the kernel's shape and the output's shape of each convolution."""
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            yield tuple(layer.kernel.shape), tuple(layer.output.shape[1:]), type(layer).__name__


def multiply_adds(network):
    """Return (all, those on an image of one pixel): each output position uses every weight of the kernel once."""
    counts = [
        (int(np.prod(kernel)) * height * width, height * width) for kernel, (height, width, _), _ in _kernels(network)
    ]
    return sum(n for n, _ in counts), sum(n for n, positions in counts if positions == 1)


def int8_bytes(network):
    """Estimate the size of the int8 model: a byte a weight, a bias and scales for each channel, the graph."""
    return sum(int(np.prod(kernel)) + 28 * channels + 1000 for kernel, (_, _, channels), _ in _kernels(network))


def int8_likeness(network, backbone, images):
    """Return the correlation of int8 and float features over uint8 `images`, which also calibrate; 1 is perfect."""
    from edgecls.training.quantization.quantize import normalize, quantize

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.tflite"
        model.write_bytes(quantize(network, backbone.mean, backbone.std, "int8", images))
        runtime = open_runtime(model, threads=1)
        features = np.stack([runtime.scores(runtime.invoke(image)) for image in images])
    expected = network(normalize(np.stack(images), backbone.mean, backbone.std), training=False).numpy()
    return np.corrcoef(features.ravel(), expected.ravel())[0, 1]
