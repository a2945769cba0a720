"""The parts of the service, each opened from the configuration."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from edgecls.bundled import default_model
from edgecls.device.classifier import Classifier
from edgecls.device.config import AnySource, Config
from edgecls.device.daemon import Prunes, Saves
from edgecls.device.golden import replay_golden
from edgecls.device.lock import lock_database, lock_folder
from edgecls.device.results_wing import ResultsWing, RunStore
from edgecls.device.saved_frames import SavedFrames, frames_folder
from edgecls.device.settings import FolderSettings, VideoSettings
from edgecls.device.signals import Requests
from edgecls.device.sources import Source, open_source
from edgecls.device.vote import Vote
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


def load(config: Config) -> Classifier:
    """The classifier, once its model has replayed its golden examples. Raises BadModel and those of `Classifier`."""
    classifier = Classifier(
        config.model or default_model(),
        runtime=config.runtime,
        threads=config.threads,
        top_k=config.top_k,
        max_pixels=config.max_pixels,
    )
    replay_golden(classifier)
    return classifier


@contextlib.contextmanager
def locked_database(path: Path, open_store: Callable[[Path], RunStore]) -> Iterator[RunStore]:
    """The database at `path`, which no second daemon can open while inside."""
    with lock_database(path), open_store(path) as store:
        yield store


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


@dataclass(frozen=True, slots=True)
class Budgets:
    """What keeps the disk from filling up."""

    saved: Saves | None
    retention: Prunes | None


def budgets(config: Config, store: RunStore, wing: ResultsWing) -> Budgets:
    """Saved frames and the retention of rows. Raises WriteFailed where frames are to be saved and cannot be."""
    source, saved, retention = config.source, None, None
    files_stay = isinstance(source, FolderSettings) and source.after != "delete"
    if wing.saved_rows:
        rows, folder = wing.saved_rows(store), frames_folder(config.database)
        saved = SavedFrames(config.saved_frames, folder, rows, from_files=not files_stay)
    if wing.retention:
        # What comes again after a restart must not make a second row: files that are kept, frames of a video.
        comes_again = is_replayed(source) or (isinstance(source, FolderSettings) and source.after == "keep")
        days, most = config.retention.rows_days, config.retention.rows_most
        retention = wing.retention(store, days, most, comes_again)
    return Budgets(saved, retention)
