"""The parts of the service, each opened from the configuration."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from edgecls.device.configuration.config import AnySource, Config
from edgecls.device.configuration.settings import FolderSettings, LiveSettings, VideoSettings
from edgecls.device.in_flight import FramesInFlight, in_flight_file
from edgecls.device.lock import lock_database, lock_folder
from edgecls.device.protocols import CatchesUp, Prunes, Saves
from edgecls.device.results_wing import ResultsWing, RunStore, SeenFilesInStore
from edgecls.device.saving.saved_frames import SavedFrames, frames_folder
from edgecls.device.signals import Requests
from edgecls.device.sources import Source, open_source
from edgecls.device.vote import Vote
from edgecls.images.depth import UNKNOWN_WHITE
from edgecls.images.file_frame import FileStamp
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden
from edgecls.inference.side_by_side import Plan, default_threads, plan
from edgecls.model.bundled import default_model
from edgecls.model.model_file import ModelFile, read_labels, read_model
from edgecls.records import Frame

_T = TypeVar("_T")


class Opened(Generic[_T]):
    """A context manager's value, from its entry until `close`."""

    def __init__(self, context: contextlib.AbstractContextManager[_T]) -> None:
        self._stack = contextlib.ExitStack()
        self.value = self._stack.enter_context(context)

    def close(self) -> None:
        """Leave the context; again does nothing."""
        self._stack.close()


@dataclass(frozen=True, slots=True)
class Intake:
    """An open source, and the one iterator over its frames: a reload that leaves the source alone goes on with it."""

    source: Source
    frames: Iterator[Frame | None]


def load(config: Config) -> list[Classifier]:
    """The classifiers that work side by side, once the model has replayed its golden examples.

    All of one file: should it be replaced meanwhile, it is read again. Raises BadModel and those of `Classifier`, and
    what `read_labels` raises.
    """
    path = config.model or default_model()
    while True:
        before = version_of(path)
        labels = read_labels(config.labels) if config.labels else None
        classifiers = _open(read_model(path, labels, input_range=config.input_range), config)
        if version_of(path) == before:
            break
    replay_golden(classifiers[0])
    for classifier in classifiers:
        classifier.warn_of_unseen()
    return classifiers


def version_of(path: Path) -> FileStamp | None:
    """Return size and times of the file at `path`; None where there is nothing: whoever reads it says so."""
    try:
        return FileStamp.of(os.stat(path))
    except OSError:
        return None


def _open(model: ModelFile, config: Config) -> list[Classifier]:
    interpreters, threads = plan(config.interpreters, config.threads)
    if is_at_once(config.source):
        interpreters, threads = Plan(1, config.threads or default_threads())
    return [
        Classifier(
            model,
            runtime=config.runtime,
            threads=threads,
            top_k=config.top_k,
            max_pixels=config.max_pixels,
            full_decode=config.full_decode,
        )
        for _ in range(interpreters)
    ]


class LockedDatabase:
    """The database at `path`, open as `value` until `close`, which no second daemon can open meanwhile."""

    def __init__(self, path: Path, open_store: Callable[[Path], RunStore]) -> None:
        self._path, self._open_store = path, open_store
        self._store = contextlib.ExitStack()
        self._lock = lock_database(path)
        try:
            self.open_again()
        except BaseException:
            self.close()
            raise

    def open_again(self) -> None:
        """Open what is at the path now, after `close_store`. Raises what `open_store` and `lock_database` raise."""
        if not self._lock.is_of(self._path):
            lock = lock_database(self._path)
            self._lock.release()
            self._lock = lock
        self.value = self._store.enter_context(self._open_store(self._path))

    def close_store(self) -> None:
        """Close the file, but let nobody else have it; again does nothing."""
        self._store.close()

    def close(self) -> None:
        """Close the file, and let go of it; again does nothing."""
        self._store.close()
        self._lock.release()


@contextlib.contextmanager
def intake(settings: AnySource, requests: Requests) -> Iterator[Intake]:
    """The source, opened; a folder is locked against a second daemon."""
    with contextlib.ExitStack() as stack:
        if isinstance(settings, FolderSettings) and (lock := lock_folder(settings.path)):
            stack.enter_context(lock)
        source = stack.enter_context(open_source(settings.type, settings))
        frames = source.frames(requests.stop)
        if isinstance(frames, Generator):
            stack.enter_context(contextlib.closing(frames))
        yield Intake(source, frames)


def vote(config: Config) -> Vote | None:
    """None where every frame makes a row."""
    return Vote(config.vote) if config.vote.votes > 1 or config.vote.cooldown_seconds else None


def is_replayed(source: AnySource) -> bool:
    """Whether a restart sees the same frames again, and their times are not those of the clock: a video."""
    return isinstance(source, VideoSettings)


def remembering(source: Source, settings: AnySource, store: RunStore, wing: ResultsWing) -> SeenFilesInStore | None:
    """Let a folder remember files that have their row in the database. None where there is nothing to remember."""
    if wing.seen_files is None or not isinstance(settings, FolderSettings):
        return None
    seen = wing.seen_files(store, source.name)
    source.seen = seen  # type: ignore[attr-defined]  # of all sources the folder has it
    return seen


def frames_in_flight(config: Config) -> FramesInFlight | None:
    """Return what notes the frames in flight. None for cameras and videos: no restart sees the same frame first again."""
    return FramesInFlight(in_flight_file(config.database)) if isinstance(config.source, FolderSettings) else None


def is_at_once(source: AnySource) -> bool:
    """Whether each frame is classified, and has its row, before the next is asked for: where frames come by the clock.

    A camera's next frame is newer the later it is asked for.
    """
    return isinstance(source, LiveSettings) or (isinstance(source, VideoSettings) and source.pace == "real")


@dataclass(frozen=True, slots=True)
class Budgets:
    """What keeps the disk from filling up, and the database in order."""

    saved: Saves | None
    retention: Prunes | None
    upkeep: tuple[CatchesUp, ...] = ()


def budgets(config: Config, store: RunStore, wing: ResultsWing, model: ModelFile) -> Budgets:
    """Saved frames and the retention of rows. Raises IoFailed where frames are to be saved and cannot be."""
    white = model.info.preprocessing.white if model.info else UNKNOWN_WHITE
    source, saved, retention = config.source, None, None
    files_stay = isinstance(source, FolderSettings) and source.after != "delete"
    if wing.saved_rows:
        rows, folder = wing.saved_rows(store), frames_folder(config.database)
        saved = SavedFrames(config.saved_frames, folder, rows, from_files=not files_stay, white=white)
    if wing.retention:
        # What comes again after a restart must not make a second row: files that are kept, frames of a video.
        comes_again = is_replayed(source) or (isinstance(source, FolderSettings) and source.after == "keep")
        days, most = config.retention.rows_days, config.retention.rows_most
        retention = wing.retention(store, days, most, comes_again)
    upkeep = tuple(make(store) for make in (wing.words, wing.log_keeping) if make)
    return Budgets(saved, retention, upkeep)
