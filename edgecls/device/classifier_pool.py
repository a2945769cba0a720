"""Frames on their way through decoder and network: a few at a time, in the order of the source."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

from edgecls.device.protocols import Classifies
from edgecls.records import Classification, Frame

QUEUED = 2
"""Frames that wait for each classifier, so that none stands idle while rows are committed."""
MOST_BYTES = 32 * 2**20
"""Of images that may be on their way [bytes]: some photographs of 12 megapixels; one that is larger goes alone."""


class Ahead:
    """Classifiers side by side, a thread for each, and the frames they were given, which come back in order.

    Decoding and inference let other threads run, but an interpreter serves one thread at a time: so each frame takes a
    classifier that is idle. Where `at_once` is asked for, nothing runs ahead: there is no thread, and a frame is
    classified when it is asked back. Close it, or threads stay.
    """

    def __init__(self, classifiers: Sequence[Classifies], *, at_once: bool = False) -> None:
        self._idle: SimpleQueue[Classifies] = SimpleQueue()
        for classifier in classifiers:
            self._idle.put(classifier)
        count = len(classifiers)
        self._pool = None if at_once else ThreadPoolExecutor(count, thread_name_prefix="classifier")
        self._most = 1 if at_once else count * (1 + QUEUED)
        self._under_way: deque[tuple[Frame, Future[Classification] | None]] = deque()

    def begin(self, frame: Frame) -> None:
        """Send a frame on its way. Whoever does so while it `is_due` waits for no room: memory is theirs to bound."""
        self._under_way.append((frame, self._pool.submit(self._classify, frame) if self._pool else None))

    def _classify(self, frame: Frame) -> Classification:
        classifier = self._idle.get()
        try:
            return classifier.classify(frame)
        finally:
            self._idle.put(classifier)

    @property
    def is_due(self) -> bool:
        """Whether the next is to be asked back now: it is classified, or there is no room for another."""
        if not self._under_way:
            return False
        first = self._under_way[0][1]
        return bool(first and first.done()) or self._is_full()

    def is_ready_within(self, seconds: float) -> bool:
        """Whether the next is classified by then, so that asking it back takes no time, and raises nothing."""
        first = self._under_way[0][1]
        if first is None:
            return False
        wait([first], max(seconds, 0.0))
        return first.done() and first.exception() is None

    def _is_full(self) -> bool:
        return len(self._under_way) >= self._most or image_bytes(self) > MOST_BYTES

    def next(self) -> tuple[Frame, Classification]:
        """The frame that was begun first, once it is classified. Raises what the classifier raised."""
        frame, classified = self._under_way.popleft()
        return frame, classified.result() if classified else self._classify(frame)

    def __iter__(self) -> Iterator[Frame]:
        """The frames that are under way, in order."""
        return (frame for frame, _ in self._under_way)

    def __len__(self) -> int:
        return len(self._under_way)

    def give_back(self) -> list[Frame]:
        """The frames that are under way, in order; they are forgotten here."""
        frames = list(self)
        for _, classified in self._under_way:
            if classified:
                classified.cancel()
        self._under_way.clear()
        return frames

    def close(self) -> None:
        """Wait for what has begun, and end the threads; again does nothing."""
        self.give_back()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def image_bytes(frames: Iterable[Frame]) -> int:
    """What the images of these frames take in memory, encoded or as pixels."""
    images = (frame.image for frame in frames if frame.image is not None)
    return sum(len(image) if isinstance(image, bytes) else image.nbytes for image in images)


def classified(ahead: Ahead, frames: Iterable[Frame]) -> Iterator[Classification]:
    """What becomes of each frame, in order; some run ahead of the one that is yielded."""
    for frame in frames:
        ahead.begin(frame)
        while ahead.is_due:
            yield ahead.next()[1]
    while len(ahead):
        yield ahead.next()[1]
