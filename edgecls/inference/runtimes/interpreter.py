"""The TFLite interpreter as edgecls uses it: pixels in, scores out. LiteRT and tflite-runtime share this interface."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadModel
from edgecls.images.native_output import captured_stderr
from edgecls.inference.runtimes.graph_ends import last_operator, pixel_range
from edgecls.inference.runtimes.input_pixels import RANGES, pixel_table
from edgecls.model.image_metadata import Normalization


class Runtime(Protocol):
    """A network that is ready to run."""

    name: str
    input_size: tuple[int, int]
    """(width, height) in pixels"""
    channels: int
    """3 for RGB, 1 for grey"""
    outputs: int
    """how many values come out"""
    takes_float: bool
    """whether the input tensor is float32, else it is of 8-bit integers"""
    last_operator: str | None
    """what computes them, in TFLite's name for it; None where the runtime does not say"""
    has_known_range: bool
    """whether anything says which range a float input takes pixels in; always for others"""

    def invoke(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Pixels uint8 (height, width, channels) -> the raw outputs (classes,), in the dtype of the output tensor."""
        ...

    def scores(self, outputs: NDArray[Any]) -> NDArray[np.float32]:
        """Raw outputs -> float32 of the same shape, in the model's own unit: probabilities behind a softmax."""
        ...

    def normalize(self, normalization: Normalization) -> None:
        """Feed a float input with (pixel - mean) / std from now on."""
        ...

    def check_scores(self) -> None:
        """Raise BadModel unless a score a class comes out. Of a part of a network, other things do."""
        ...


def dequantize(outputs: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Real value = scale * (output - zero_point), any shape. The difference is taken in float: in 8 bits it overflows.

    A scale of 0 is how TFLite says that a tensor is not quantized.
    """
    values = outputs.astype(np.float32)
    return (values - np.float32(zero_point)) * np.float32(scale) if scale else values


_NOT_FOR_HERE = {
    "edgetpu-custom-op": "is compiled for the Edge TPU: use the file without _edgetpu in its name",
    "Flex": "needs operators of TensorFlow itself: convert it with TFLite's built-in operators only",
    "Select TensorFlow op": "needs operators of TensorFlow itself: convert it with TFLite's built-in operators only",
}
"""In what a runtime says where it cannot load a model -> what that means."""


class TFLiteRuntime:
    """A TFLite model with one image input and one output of a value a class.

    `normalization` and `size` (width, height) are what is known beside the graph: a float input takes (pixel - mean) /
    std, and an input of any size gets that size.
    """

    def __init__(
        self,
        name: str,
        open_interpreter: Callable[..., Any],
        model: Path,
        threads: int,
        *,
        reference_kernels: bool,
        normalization: Normalization | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.name = name
        self._model = model
        try:
            with captured_stderr():  # the delegate announces itself
                self._interpreter = open_interpreter(model, threads, reference_kernels=reference_kernels)
                self._fix_size(size)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise self._refusal("loaded", error) from error
        self._input = self._only("input", self._interpreter.get_input_details())
        self._output = self._only("output", self._interpreter.get_output_details())
        self._check_input()
        shape = self._shape(self._input)
        self.input_size, self.channels = (shape[2], shape[1]), shape[3] if len(shape) == 4 else 1
        self.outputs = self._shape(self._output)[-1]
        self.takes_float = np.dtype(self._input["dtype"]).kind == "f"
        self.last_operator = last_operator(self._interpreter)
        self._table: NDArray[Any] | None = None
        if normalization is None and self.takes_float:
            range_of_graph = pixel_range(self._interpreter)
            self.has_known_range = range_of_graph is not None
            normalization = RANGES[range_of_graph or "-1..1"]
        else:
            self.has_known_range = True
        if normalization is not None:
            self.normalize(normalization)
        self._view_input = self._interpreter.tensor(self._input["index"])
        self._scale, self._zero_point = self._output["quantization"]

    def _only(self, kind: str, details: list[dict[str, Any]]) -> dict[str, Any]:
        if len(details) != 1:
            raise BadModel(
                f"{self._model} has {len(details)} {kind}s, an image classifier has one: choose another model"
            )
        return details[0]

    @staticmethod
    def _shape(tensor: dict[str, Any]) -> tuple[int, ...]:
        return tuple(int(n) for n in tensor["shape"])

    def _fix_size(self, size: tuple[int, int] | None) -> None:
        """Give an input of any size the size that is known; without one such a network would be fed a single pixel."""
        for tensor in self._interpreter.get_input_details():
            wanted = tuple(int(n) for n in tensor.get("shape_signature", tensor["shape"]))
            if len(wanted) != 4 or -1 not in wanted[1:3]:
                continue
            if size is None:
                raise BadModel(
                    f"{self._model} takes images of any size: convert it with a fixed one, such as 224 x 224"
                )
            self._interpreter.resize_tensor_input(tensor["index"], (1, size[1], size[0], wanted[3]))

    def _check_input(self) -> None:
        shape, dtype = self._shape(self._input), np.dtype(self._input["dtype"])
        takes = f"{self._model} takes {dtype.name} {shape}"
        if len(shape) == 4 and shape[0] == 1 and shape[1] in (1, 3) and shape[3] not in (1, 3):
            raise BadModel(f"{takes}, channels first: convert it with channels last (1, height, width, channels)")
        if len(shape) == 4 and shape[0] > 1:
            raise BadModel(f"{takes}, {shape[0]} images at a time: convert it with a batch size of 1")
        is_image = (len(shape) == 4 and shape[3] in (1, 3)) or len(shape) == 3  # or grey, without an axis for that
        if not is_image or shape[0] != 1 or dtype not in (np.uint8, np.int8, np.float32):
            raise BadModel(
                f"{takes}, and edgecls feeds one image, RGB or grey: uint8, int8 or float32 (1, height, width, 3 or 1): "
                "choose or convert an image classifier that takes that"
            )

    def check_scores(self) -> None:
        """See `Runtime.check_scores`."""
        shape, dtype = self._shape(self._output), np.dtype(self._output["dtype"])
        if not shape or any(n != 1 for n in shape[:-1]) or dtype.kind not in "fiu" or dtype.itemsize > 4:
            raise BadModel(
                f"{self._model} gives {dtype.name} {shape}, and an image classifier gives a score a class, (1, classes): "
                "choose another model"
            )
        if dtype.kind in "iu" and not self._output["quantization"][0]:
            raise BadModel(
                f"{self._model} gives {dtype.name} {shape} without a quantization scale, so these are no scores: choose "
                "another model"
            )

    def normalize(self, normalization: Normalization) -> None:
        """See `Runtime.normalize`."""
        scale, zero_point = self._input["quantization"]
        try:
            table = pixel_table(self._input["dtype"], scale, zero_point, normalization, self.channels)
        except ValueError as error:
            raise BadModel(f"{self._model} has metadata that do not fit its input ({error}): mend them") from error
        # OpenCV looks up all channels at once: (1, 256, channels).
        self._table = None if table is None else np.ascontiguousarray(table[None])

    def _refusal(self, done: str, error: Exception) -> BadModel:
        reason = next(iter(str(error).strip().splitlines()), "no reason given")
        for sign, explanation in _NOT_FOR_HERE.items():
            if sign in reason:
                return BadModel(f"{self._model} {explanation}")
        return BadModel(f"{self._model} cannot be {done} by {self.name} ({reason}): convert it again")

    def invoke(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """See `Runtime.invoke`."""
        pixels = pixels.reshape(self._input["shape"][1:])
        # Into the interpreter's own memory. Nothing may refer to that memory any more when it is invoked.
        if self._table is not None:
            np.copyto(self._view_input()[0], cv2.LUT(pixels, self._table).reshape(pixels.shape))
        elif self._input["dtype"] == np.int8:
            # The same real values: an int8 input has its zero point 128 lower.
            np.bitwise_xor(pixels, np.uint8(0x80), out=self._view_input()[0].view(np.uint8))
        else:
            np.copyto(self._view_input()[0], pixels)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise self._refusal("run", error) from error
        outputs: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])
        return outputs.reshape(-1)

    def scores(self, outputs: NDArray[Any]) -> NDArray[np.float32]:
        """See `Runtime.scores`."""
        return dequantize(outputs, self._scale, self._zero_point)
