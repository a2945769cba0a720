"""Frames in, classifications out."""

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.device.runtimes import open_runtime
from edgecls.errors import BadImage, BadModel, from_os_error
from edgecls.model_file import ModelFile, read_model
from edgecls.preprocess import Preprocessing, load_pixels
from edgecls.records import UNKNOWN, Classification, Frame, Prediction

TOP_K = 5

Image = str | os.PathLike[str] | bytes | NDArray[np.uint8]


class Classifier:
    """A model that is ready to classify.

        >>> classifier = Classifier("model.tflite")                          # doctest: +SKIP
        >>> classifier.classify("cell.png").label                            # doctest: +SKIP
        'defective'

    `model` is a path or a `ModelFile`; `labels` replaces the model's own, one an output, in order. `threads` run one
    network; by default one a core, at most 4. Not to be shared between threads. Raises the errors of `read_model` and
    `open_runtime`, and BadModel where labels and outputs disagree in number.
    """

    def __init__(
        self,
        model: str | Path | ModelFile,
        *,
        labels: Sequence[str] | None = None,
        runtime: str | None = None,
        threads: int | None = None,
        top_k: int = TOP_K,
        reference_kernels: bool = False,
    ) -> None:
        self.model = _model(model, labels)
        self.runtime = open_runtime(
            self.model.path,
            name=runtime,
            threads=threads or default_threads(),
            reference_kernels=reference_kernels,
        )
        self.top_k = top_k
        self.preprocessing = self._preprocessing()
        outputs = self.runtime.outputs
        if outputs != len(self.model.labels):
            raise BadModel(
                f"{self.model.path} has {outputs} outputs and {len(self.model.labels)} labels: "
                "pass --labels FILE with one line for each output"
            )
        self._thresholds = dict(self.model.info.thresholds) if self.model.info else {}

    def _preprocessing(self) -> Preprocessing:
        """The model's own; a model from elsewhere says nothing, and gets the whole image's central square."""
        width, height = self.runtime.input_size
        channels = self.runtime.channels
        if not self.model.info:
            return Preprocessing(width, height, channels=channels)
        spec = self.model.info.preprocessing
        if (spec.width, spec.height, spec.channels) != (width, height, channels):
            raise BadModel(
                f"{self.model.path} is inconsistent: its input is {width} x {height} x {channels}, its description says "
                f"{spec.width} x {spec.height} x {spec.channels}: convert it again"
            )
        return spec

    def classify(self, image: Frame | Image) -> Classification:
        """Classify one frame, file, encoded image (bytes) or RGB pixels (uint8, height x width x 3).

        An image that cannot be read or decoded comes back with `error` set: one bad frame never ends a batch.
        """
        frame = image if isinstance(image, Frame) else as_frame(image)
        begun = time.perf_counter()
        try:
            pixels = self._decode(frame)
        except BadImage as error:
            return _record(frame, error=str(error), decode_ms=_milliseconds(begun))
        decoded = time.perf_counter()
        scores = self.scores(pixels)
        infer_ms = _milliseconds(decoded)
        top = [Prediction(self.model.labels[i], float(scores[i])) for i in best(scores, self.top_k)]
        return _record(
            frame,
            label=self._decide(top[0]),
            score=top[0].score,
            top_k=tuple(top),
            decode_ms=(decoded - begun) * 1000,
            infer_ms=infer_ms,
        )

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels as `load_pixels` gives them, uint8 (height, width, channels) -> a probability a label, float32."""
        return self.runtime.scores(self.runtime.invoke(pixels))

    def _decode(self, frame: Frame) -> NDArray[np.uint8]:
        if frame.image is None:
            raise BadImage(frame.error or "could not be read")
        return load_pixels(frame.image, self.preprocessing)

    def _decide(self, first: Prediction) -> str:
        return first.label if first.score >= self._thresholds.get(first.label, 0.0) else UNKNOWN


def _model(model: str | Path | ModelFile, labels: Sequence[str] | None) -> ModelFile:
    if not isinstance(model, ModelFile):
        return read_model(model, labels)
    return replace(model, labels=tuple(labels)) if labels else model


def best(scores: NDArray[np.float32], count: int) -> list[int]:
    """Indices of the `count` highest scores (labels,), best first; of equal scores the lower index comes first."""
    return [int(i) for i in np.argsort(-scores, kind="stable")[:count]]


def default_threads() -> int:
    """One a core, at most 4: small networks gain nothing from more."""
    return min(os.cpu_count() or 1, 4)


def as_frame(image: Image, *, source: str = "files") -> Frame:
    """A frame of a file (read now), encoded bytes or pixels. A file that cannot be read becomes a frame with `error`."""
    now = datetime.now(timezone.utc)
    if isinstance(image, bytes):
        return Frame(source, _digest(image), now, image)
    if isinstance(image, np.ndarray):
        return Frame(source, _digest(f"{image.shape}".encode() + image.tobytes()), now, image)
    path = os.path.abspath(image)
    return file_frame(source, path, path)


def file_frame(source: str, path: str, name: str) -> Frame:
    """The frame of the file at `path`.

    Its key is `name` with a digest of the content, so that a file is one frame however often it is seen, and another
    frame when it has been replaced. `captured_at` is the file's time of modification.
    """
    try:
        modified = os.stat(path).st_mtime
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        reason = str(from_os_error(error, "cannot be read"))
        return Frame(source, f"{name}#unreadable", datetime.now(timezone.utc), None, path, reason)
    return Frame(source, f"{name}#{_digest(data)}", _time(modified), data, path)


def _time(seconds: float) -> datetime:
    """A file's time; where no calendar has it (file systems can hold the year 33658), it is now."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError):
        return datetime.now(timezone.utc)


def _digest(data: bytes) -> str:
    """128 bits tell any two images apart; BLAKE2 is the fastest of the standard library's."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _milliseconds(since: float) -> float:
    return (time.perf_counter() - since) * 1000


def _record(frame: Frame, **outcome: Any) -> Classification:
    return Classification(
        source=frame.source,
        key=frame.key,
        path=frame.path,
        captured_at=frame.captured_at,
        classified_at=datetime.now(timezone.utc),
        **outcome,
    )
