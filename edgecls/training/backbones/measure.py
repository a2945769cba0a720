"""Measure the time of a network on this machine, with the code that runs on the device."""

import statistics
import time

import numpy as np

from edgecls.inference.runtimes import open_runtime
from edgecls.inference.side_by_side import default_threads
from edgecls.training.backbones.backbone import Backbone
from edgecls.training.quantization.quantize import quantize
from edgecls.training.work_folder import work_folder

WARM_UP, REPEATS = 5, 50
_CALIBRATION_IMAGES = 2


def untrained_int8(backbone: Backbone) -> bytes:
    """Return the int8 .tflite of the network with random weights, calibrated on noise: as large and as fast as a trained one."""
    random = np.random.default_rng(0)
    network = backbone.load(weights=False)
    # Biases and statistics, too: TFLite would store equal ones only once.
    vectors = [
        random.uniform(0.5, 1.5, weight.shape) if weight.ndim == 1 else weight for weight in network.get_weights()
    ]
    network.set_weights(vectors)
    shape = (_CALIBRATION_IMAGES, backbone.input_size, backbone.input_size, backbone.channels)
    noise = random.integers(0, 256, shape, np.uint8)
    return quantize(network, backbone.mean, backbone.std, "int8", list(noise))


def median_milliseconds(backbone: Backbone) -> float:
    """Return the median time per image of the int8 network without a head, with the threads that a device would use.

    The weights are random, so that nothing is downloaded: the time does not depend on them. Raises MissingExtra.
    """
    with work_folder() as folder:
        model = folder / "backbone.tflite"
        model.write_bytes(untrained_int8(backbone))
        runtime = open_runtime(model, threads=default_threads())
        pixels = np.zeros((backbone.input_size, backbone.input_size, backbone.channels), np.uint8)
        seconds = []
        for _ in range(WARM_UP + REPEATS):
            begun = time.perf_counter()
            runtime.invoke(pixels)
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[WARM_UP:]) * 1000
