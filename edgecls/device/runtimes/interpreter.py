"""The TFLite interpreter as edgecls uses it: pixels in, scores out. LiteRT and tflite-runtime share this interface."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadModel
from edgecls.native_output import captured_stderr


class Runtime(Protocol):
    """A network that is ready to run."""

    name: str
    input_size: tuple[int, int]
    """(width, height) in pixels"""
    channels: int
    """3 for RGB, 1 for grey"""
    outputs: int
    """how many values come out"""

    def invoke(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Pixels uint8 (height, width, channels) -> the raw outputs (classes,), in the dtype of the output tensor."""
        ...

    def scores(self, outputs: NDArray[Any]) -> NDArray[np.float32]:
        """Raw outputs -> float32 of the same shape, in the model's own unit: probabilities behind a softmax."""
        ...


def dequantize(outputs: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Real value = scale * (output - zero_point), any shape. The difference is taken in float: in 8 bits it overflows.

    A scale of 0 is how TFLite says that a tensor is not quantized.
    """
    values = outputs.astype(np.float32)
    return (values - np.float32(zero_point)) * np.float32(scale) if scale else values


class TFLiteRuntime:
    """A TFLite model with one image input and one output of a value a class."""

    def __init__(
        self,
        name: str,
        open_interpreter: Callable[..., Any],
        model: Path,
        threads: int,
        *,
        reference_kernels: bool,
    ) -> None:
        self.name = name
        self._model = model
        try:
            with captured_stderr():  # the delegate announces itself
                self._interpreter = open_interpreter(model, threads, reference_kernels=reference_kernels)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise self._refusal("loaded", error) from error
        (self._input,) = self._one(model, "input", self._interpreter.get_input_details())
        (self._output,) = self._one(model, "output", self._interpreter.get_output_details())
        shape, dtype = tuple(int(n) for n in self._input["shape"]), self._input["dtype"]
        if len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, 3) or dtype not in (np.uint8, np.int8):
            raise BadModel(
                f"{model} takes {np.dtype(dtype).name} {shape}, and edgecls feeds uint8 pixels, RGB or grey, "
                "(1, height, width, 3 or 1): convert it with uint8 input and its normalisation in the graph"
            )
        self._view_input = self._interpreter.tensor(self._input["index"])
        self.input_size, self.channels = (shape[2], shape[1]), shape[3]
        self.outputs = int(np.prod(self._output["shape"]))
        self._scale, self._zero_point = self._output["quantization"]

    @staticmethod
    def _one(model: Path, kind: str, details: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(details) != 1:
            raise BadModel(f"{model} has {len(details)} {kind}s, an image classifier has one: choose another model")
        return details

    def _refusal(self, done: str, error: Exception) -> BadModel:
        reason = next(iter(str(error).strip().splitlines()), "no reason given")
        return BadModel(f"{self._model} cannot be {done} by {self.name} ({reason}): convert it again")

    def invoke(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """See `Runtime.invoke`."""
        # Into the interpreter's own memory. Nothing may refer to that memory any more when it is invoked.
        if self._input["dtype"] == np.int8:
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
