"""Run the loop of TensorFlow Lite's label_image example: decode at full size, resize, invoke, one image at a time."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from device_benchmark.loops.rows import TOP_K, over_files, over_stream


class LabelImage:
    """A model in an interpreter of `runtime`."""

    def __init__(self, runtime: str, model: str, labels: list[str], threads: int) -> None:
        if runtime == "litert":
            from ai_edge_litert.interpreter import Interpreter
        else:
            from tflite_runtime.interpreter import Interpreter
        self._interpreter = Interpreter(model_path=model, num_threads=threads)
        self._interpreter.allocate_tensors()
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.size = (int(self._input["shape"][2]), int(self._input["shape"][1]))
        self._labels = labels

    def classify(self, pixels: Any) -> list[tuple[str, float]]:
        """Classify RGB pixels of the model's size: [(label, score), ...], best first."""
        self._interpreter.set_tensor(self._input["index"], np.expand_dims(pixels, 0))
        self._interpreter.invoke()
        results = np.squeeze(self._interpreter.get_tensor(self._output["index"]))
        scale, zero_point = self._output["quantization"]
        top = results.argsort()[-TOP_K:][::-1]
        return [(self._labels[i], float(scale * (float(results[i]) - zero_point))) for i in top]


def reader(library: str, size: tuple[int, int]) -> Callable[[str], Any]:
    """Return a function that reads a file and resizes it."""
    if library == "pillow":
        from PIL import Image

        return lambda path: np.asarray(Image.open(path).resize(size).convert("RGB"))
    import cv2

    return lambda path: cv2.resize(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), size)  # type: ignore[arg-type]


def main() -> None:
    """Classify files, or frames of a stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--runtime", "--library", "--model", "--labels", "--database"):
        parser.add_argument(name, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--files", type=Path, help="a text file with one path per line")
    parser.add_argument("--stream")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    labels = Path(options.labels).read_text().splitlines()
    model = LabelImage(options.runtime, options.model, labels, options.threads)
    if options.files:
        read = reader(options.library, model.size)
        over_files(options.files.read_text().splitlines(), lambda path: model.classify(read(path)), options.database)
        return
    import cv2

    capture = cv2.VideoCapture(options.stream, cv2.CAP_FFMPEG)

    def classify(image: Any) -> list[tuple[str, float]]:
        return model.classify(cv2.cvtColor(cv2.resize(image, model.size), cv2.COLOR_BGR2RGB))

    over_stream(lambda: capture.read()[1], classify, options.database, options.seconds)


if __name__ == "__main__":
    main()
