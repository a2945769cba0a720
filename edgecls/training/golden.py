"""Golden examples: images whose outputs are recorded in the model file, for the device to check itself against."""

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


def shrink(image: NDArray[np.uint8], spec: Preprocessing) -> bytes:
    """Pixels in OpenCV's order (BGR) -> JPEG, small but still larger than the model's input.

    The device then has to decode, crop, resize and swap channels as for any photograph.
    """
    larger = min if spec.fit == "pad" else max  # what is padded fills the model's input in one direction only
    factor = 1.25 * larger(spec.height / image.shape[0], spec.width / image.shape[1]) / spec.crop
    if factor < 1:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


def record(flatbuffer: bytes, images: Sequence[bytes], spec: Preprocessing, work: Path) -> list[GoldenExample]:
    """The outputs of a model for each encoded image, by reference kernels: the same on every machine if int8.

    `work` is a folder for a temporary copy of the model.
    """
    model = work / "golden.tflite"
    model.write_bytes(flatbuffer)
    runtime = open_runtime(model, threads=1, reference_kernels=True)
    return [GoldenExample(image, tuple(runtime.invoke(load_pixels(image, spec)).tolist())) for image in images]
