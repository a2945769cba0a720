"""Classify frames with a model file."""

import functools
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage, BadModel, UsageError
from edgecls.images.file_frame import file_frame
from edgecls.images.frame_key import digest
from edgecls.images.framing import COVER, FULL, MUCH_UNSEEN, Preprocessing, seen_share
from edgecls.images.image_header import MAX_PIXELS, image_size
from edgecls.images.memory_budget import DECODING_MEMORY
from edgecls.images.preprocess import decode_strict, load_pixels
from edgecls.inference.runtimes import open_runtime
from edgecls.inference.runtimes.input_pixels import RANGES
from edgecls.inference.score_function import ScoreFunction, score_function
from edgecls.inference.side_by_side import default_threads
from edgecls.model.image_metadata import Normalization
from edgecls.model.model_file import ModelFile, read_model
from edgecls.records import UNKNOWN, Classification, Frame, Prediction

log = logging.getLogger(__name__)

TOP_K = 5
SIZES_CHECKED = 20
"""Pictures whose size is checked; it takes a millisecond for a large JPEG."""

Image = str | os.PathLike[str] | bytes | NDArray[np.uint8]


class Classifier:
    """A model that is ready to classify.

        >>> classifier = Classifier("model.tflite")                          # doctest: +SKIP
        >>> classifier.classify("cell.png").label                            # doctest: +SKIP
        'defective'

    `model` is a path or a `ModelFile`; `labels` replaces the model's own, one for each output, in order. A model of another
    tool gets its input as its metadata and quantization say; its scores are computed as `score_function` says. `threads`
    run one network; the default is one for each core, at most 4. Images larger than `max_pixels`, or than the available
    memory, are not decoded. JPEGs much larger than the network's input are decoded at a half to an eighth of their size,
    unless `full_decode`. Do not share a classifier between threads.

    Raises the errors of `read_model` and `open_runtime`, and BadModel if the numbers of labels and outputs differ.
    """

    def __init__(
        self,
        model: str | Path | ModelFile,
        *,
        labels: Sequence[str] | None = None,
        runtime: str | None = None,
        threads: int | None = None,
        top_k: int = TOP_K,
        max_pixels: int = MAX_PIXELS,
        full_decode: bool = False,
        reference_kernels: bool = False,
    ) -> None:
        self._unchecked_sizes = 0
        self.model = _model(model, labels)
        self.runtime = open_runtime(
            self.model.path,
            name=runtime,
            threads=threads or default_threads(),
            reference_kernels=reference_kernels,
            normalization=self._normalization(),
            size=self.model.metadata.size if self.model.metadata else None,
        )
        self.runtime.check_scores()
        self.top_k = top_k
        self.max_pixels = max_pixels
        self._cover = FULL if full_decode else COVER
        self.preprocessing = self._preprocessing()
        self._check_labels()
        self._thresholds = dict(self.model.info.thresholds) if self.model.info else {}
        self._probabilities: ScoreFunction | None = None
        if not self.model.info:
            try:
                self._probabilities, warnings = score_function(self.runtime)
            except BadModel as error:
                raise BadModel(f"{self.model.path} {error}") from None
            for warning in warnings:
                _log_once(f"{self.model.path} {warning}")

    def _normalization(self) -> Normalization | None:
        """Return None for models of edgecls, which take pixels as they are, and if nothing is known."""
        if self.model.input_range:
            return RANGES[self.model.input_range]
        return self.model.metadata.normalization if self.model.metadata else None

    def _check_labels(self) -> None:
        if self.model.input_range and not self.runtime.takes_float:
            raise UsageError(
                f"{self.model.path} takes integers, pixels as they are: leave out the range that was named"
            )
        outputs, labels = self.runtime.outputs, len(self.model.labels)
        if outputs == 1 and labels != 2 and not self.model.info:
            raise BadModel(
                f"{self.model.path} has one output, for two classes, and {labels} label{'s' * (labels != 1)}: pass --labels "
                "FILE with two lines, the class that 0 stands for and the one that 1 stands for"
            )
        if outputs not in (labels, 1) or (self.model.info and outputs != labels):
            raise BadModel(
                f"{self.model.path} has {outputs} outputs and {labels} labels: "
                "pass --labels FILE with one line for each output"
                + (", the first often being 'background'" if outputs == labels + 1 and outputs > 2 else "")
            )

    def _preprocessing(self) -> Preprocessing:
        """Return the model's preprocessing; a model of another tool gets the central square of the whole image."""
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
        except MemoryError:
            reason = "cannot be decoded: there is not enough memory: save it smaller, or allow more memory"
            return _record(frame, error=reason, decode_ms=_milliseconds(begun))
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

    def warn_of_unseen(self) -> None:
        """Log a warning, once in a process, if the model does not see much of one of the next 20 pictures."""
        self._unchecked_sizes = SIZES_CHECKED

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each label, float32, for pixels of `load_pixels`: uint8 (height, width, channels)."""
        scores = self.runtime.scores(self.runtime.invoke(pixels))
        return scores if self._probabilities is None else self._probabilities(scores)

    def _decode(self, frame: Frame) -> NDArray[np.uint8]:
        if frame.image is None:
            raise BadImage(frame.error or "could not be read")
        if self._unchecked_sizes:
            self._unchecked_sizes -= 1
            _warn_of_unseen(frame.image, self.preprocessing)
        if not isinstance(frame.image, bytes):
            return load_pixels(frame.image, self.preprocessing, self.max_pixels)
        with DECODING_MEMORY.reserve(frame.image, self.preprocessing, self.max_pixels, self._cover):
            pixels, warnings = decode_strict(frame.image, self.preprocessing, self.max_pixels, cover=self._cover)
        for warning in warnings:
            log.debug("%s: %s (the picture is complete)", frame.path or frame.key, warning)
        return pixels

    def _decide(self, first: Prediction) -> str:
        return first.label if first.score >= self._thresholds.get(first.label, 0.0) else UNKNOWN


@functools.cache
def _log_once(warning: str) -> None:
    """Log a warning about a model once, for all of its interpreters."""
    log.warning("%s", warning)


def _model(model: str | Path | ModelFile, labels: Sequence[str] | None) -> ModelFile:
    if not isinstance(model, ModelFile):
        return read_model(model, labels)
    return model if labels is None else model.with_labels(labels)


_logged: set[Preprocessing] = set()
"""The preprocessing for which the warning about the visible part has been logged in this process."""


def _warn_of_unseen(image: bytes | NDArray[np.uint8], spec: Preprocessing) -> None:
    """Log a warning once if the shape of a picture hides much of it from the model."""
    size = image_size(image) if isinstance(image, bytes) else (image.shape[1], image.shape[0])
    if size and min(size) and spec not in _logged and seen_share(size, replace(spec, crop=1.0)) < 1 - MUCH_UNSEEN:
        _logged.add(spec)
        log.warning(
            "the model sees the central square of pictures of %d x %d: %.0f %% of their area lies outside: if anything "
            "there matters, convert with --fit stretch or --fit pad",
            *size,
            100 * (1 - seen_share(size, spec)),
        )


def best(scores: NDArray[np.float32], count: int) -> list[int]:
    """Return the indices of the `count` highest scores (labels,), best first; of equal scores the lower index first."""
    return [int(i) for i in np.argsort(-scores, kind="stable")[:count]]


def as_frame(image: Image, *, source: str = "files") -> Frame:
    """Make a frame of a file (read now), encoded bytes or pixels. A file that cannot be read gives a frame with `error`."""
    now = datetime.now(timezone.utc)
    if isinstance(image, bytes):
        return Frame(source, digest(image), now, image)
    if isinstance(image, np.ndarray):
        return Frame(source, digest(f"{image.shape}".encode() + image.tobytes()), now, image)
    path = os.path.abspath(image)
    return file_frame(source, path, path)


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
