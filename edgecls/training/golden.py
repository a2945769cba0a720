"""Golden examples: images whose outputs are recorded in the model file, so that a device can check itself."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.inference.runtimes import open_runtime
from edgecls.model.model_file import GoldenExample

COUNT = 4


def encode_golden(pixels: NDArray[np.uint8], spec: Preprocessing) -> bytes:
    """Encode model-sized pixels, uint8 (height, width, 1 or 3), as a JPEG that is larger than the model's input.

    The device has to decode, crop, resize and swap channels for it, as for any photograph.
    """
    factor = 1.25 / spec.crop
    code = cv2.COLOR_GRAY2BGR if pixels.shape[2] == 1 else cv2.COLOR_RGB2BGR
    larger = cv2.resize(cv2.cvtColor(pixels, code), None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    _, encoded = cv2.imencode(".jpg", larger, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


def record(flatbuffer: bytes, images: Sequence[bytes], spec: Preprocessing, work: Path) -> list[GoldenExample]:
    """Record the outputs of a model for encoded images, with reference kernels: for int8 they are the same everywhere.

    `work` is a folder for a temporary copy of the model.
    """
    model = work / "golden.tflite"
    model.write_bytes(flatbuffer)
    runtime = open_runtime(model, threads=1, reference_kernels=True)
    return [GoldenExample(image, tuple(runtime.invoke(load_pixels(image, spec)).tolist())) for image in images]
