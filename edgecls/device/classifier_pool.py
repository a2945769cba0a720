"""A few frames in flight at a time, through decoder and network, in the order of the source."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import TYPE_CHECKING

from edgecls.records import Classification, Frame

if TYPE_CHECKING:
    from edgecls.device.in_flight import FramesInFlight
    from edgecls.inference.classifier import Classifier

QUEUED = 2
"""Frames that wait for each classifier, so that none is idle while rows are committed."""
MAX_BYTES = 32 * 2**20
"""Bytes of images in flight: a few photographs of 12 megapixels; a larger one is in flight alone."""


class ClassifierPool:
    """Classify frames in one thread per classifier, and return the results in the order of submission.

    Decoding and inference release the interpreter lock. Each frame takes a classifier that is idle. A `synchronous` pool
    has no threads: it classifies a frame when its result is asked for. With `in_flight`, each frame is noted there while
    it is being classified. Close the pool, or its threads stay.
    """

    def __init__(
        self,
        classifiers: "Sequence[Classifier]",
        *,
        synchronous: bool = False,
        in_flight: "FramesInFlight | None" = None,
    ) -> None:
        self._idle: SimpleQueue[Classifier] = SimpleQueue()
        for classifier in classifiers:
            self._idle.put(classifier)
        count = len(classifiers)
        self._executor = None if synchronous else ThreadPoolExecutor(count, thread_name_prefix="classifier")
        self._capacity = 1 if synchronous else count * (1 + QUEUED)
        self._in_flight = in_flight
        self._submitted: deque[tuple[Frame, Future[Classification] | None]] = deque()

    def submit(self, frame: Frame) -> None:
        """Start to classify a frame. Take a result first while there `has_result`: that is what bounds the memory."""
        self._submitted.append((frame, self._executor.submit(self._classify, frame) if self._executor else None))

    def _classify(self, frame: Frame) -> Classification:
        classifier = self._idle.get()
        try:
            return self._in_flight.classify(classifier, frame) if self._in_flight else classifier.classify(frame)
        finally:
            self._idle.put(classifier)

    @property
    def has_result(self) -> bool:
        """True if the next result is to be taken now: it is ready, or the pool is full."""
        if not self._submitted:
            return False
        first = self._submitted[0][1]
        return bool(first and first.done()) or self._is_full()

    def _is_full(self) -> bool:
        return len(self._submitted) >= self._capacity or image_bytes(self) > MAX_BYTES

    def wait_for_result(self, seconds: float) -> bool:
        """Wait at most so long; return whether `next_result` would return at once, and raise nothing."""
        first = self._submitted[0][1]
        if first is None:
            return False
        wait([first], max(seconds, 0.0))
        return first.done() and first.exception() is None

    def next_result(self) -> tuple[Frame, Classification]:
        """Return the frame that was submitted first, once it is classified. Raises what the classifier raised."""
        frame, future = self._submitted.popleft()
        return frame, future.result() if future else self._classify(frame)

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the frames in flight, in order."""
        return (frame for frame, _ in self._submitted)

    def __len__(self) -> int:
        return len(self._submitted)

    def release(self) -> list[Frame]:
        """Give up the frames in flight, and return them in order. Those that a thread has begun run to their end."""
        frames = list(self)
        for _, future in self._submitted:
            if future:
                future.cancel()
        self._submitted.clear()
        return frames

    def close(self) -> None:
        """Wait for the frames that threads have begun, and end the threads. A second call does nothing."""
        self.release()
        if self._executor:
            self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> "ClassifierPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def image_bytes(frames: Iterable[Frame]) -> int:
    """Return the memory that the images of these frames take, encoded or as pixels [bytes]."""
    images = (frame.image for frame in frames if frame.image is not None)
    return sum(len(image) if isinstance(image, bytes) else image.nbytes for image in images)


def classify_all(pool: ClassifierPool, frames: Iterable[Frame]) -> Iterator[Classification]:
    """Yield the classification of each frame, in order."""
    for frame in frames:
        pool.submit(frame)
        while pool.has_result:
            yield pool.next_result()[1]
    while len(pool):
        yield pool.next_result()[1]
