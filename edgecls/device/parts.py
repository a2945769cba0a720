"""Open the parts of the daemon from its configuration."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from edgecls.database.seen_file_rows import SeenFileRows
from edgecls.database.store import Store
from edgecls.device.classifier_pool import ClassifierPool
from edgecls.device.configuration.config import AnySource, Config
from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.in_flight import FramesInFlight, in_flight_file
from edgecls.device.lock import lock_database, lock_folder
from edgecls.device.sources import open_source
from edgecls.images.file_frame import FileStamp
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden
from edgecls.inference.side_by_side import Plan, default_threads, plan
from edgecls.model.bundled import default_model
from edgecls.model.model_file import ModelFile, read_labels, read_model


def load_classifiers(config: Config) -> list[Classifier]:
    """Return the classifiers that work side by side, once the model has replayed its golden examples.

    All have the same file: if it is replaced meanwhile, it is read again. Raises BadModel, and what `Classifier` and
    `read_labels` raise.
    """
    path = config.model or default_model()
    while True:
        stamp = file_stamp(path)
        labels = read_labels(config.labels) if config.labels else None
        classifiers = _classifiers(read_model(path, labels, input_range=config.input_range), config)
        if file_stamp(path) == stamp:
            break
    replay_golden(classifiers[0])
    for classifier in classifiers:
        classifier.warn_of_unseen()
    return classifiers


def file_stamp(path: Path) -> FileStamp | None:
    """Return size and times of the file at `path`; None if there is none."""
    try:
        return FileStamp.of(os.stat(path))
    except OSError:
        return None


def _classifiers(model: ModelFile, config: Config) -> list[Classifier]:
    interpreters, threads = plan(config.interpreters, config.threads)
    if config.source.is_live:
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


class OpenDatabase:
    """The database at `path`, open as `store`, and locked against a second daemon until `close`.

    `progress` is called while opening takes long. A check of the file ends early once `stop` is set.
    """

    def __init__(self, path: Path, stop: threading.Event, progress: Callable[[], None]) -> None:
        self._path, self._stop, self._progress = path, stop, progress
        self._lock = lock_database(path)
        try:
            self.reopen()
        except BaseException:
            self._lock.release()
            raise

    def reopen(self) -> None:
        """Open the file that is at the path now, after `close_store`. Raises as `Store` and `lock_database` do."""
        if not self._lock.is_of(self._path):
            lock = lock_database(self._path)
            self._lock.release()
            self._lock = lock
        self.store = Store.open_durably(self._path, stop=self._stop, progress=self._progress)

    def close_store(self) -> None:
        """Close the file, and keep the lock. A second call does nothing."""
        self.store.close()

    def close(self) -> None:
        """Close the file, and release the lock. A second call does nothing."""
        self.store.close()
        self._lock.release()


class OpenSource:
    """A source, open as `source` until `close`.

    A folder is locked against a second daemon, and remembers in the database which of its files have a row.
    """

    def __init__(self, settings: AnySource, store: Store) -> None:
        self._seen_files: SeenFileRows | None = None
        with contextlib.ExitStack() as stack:
            if isinstance(settings, FolderSettings):
                if lock := lock_folder(settings.path):
                    stack.enter_context(lock)
                self._seen_files = SeenFileRows(store, settings.source_name)
            self.source = stack.enter_context(open_source(settings, self._seen_files))
            self._stack = stack.pop_all()

    def write_seen_files(self) -> None:
        """Write to the database which files have a row. Raises as `Store` does."""
        if self._seen_files:
            self._seen_files.flush()

    def close(self) -> None:
        """Close the source. A second call does nothing."""
        self._stack.close()


class OpenClassifiers:
    """A pool of classifiers of one `model`, with the record of the frames that are being classified."""

    def __init__(self, classifiers: list[Classifier], config: Config) -> None:
        self.model = classifiers[0].model
        # Of cameras and videos no restart sees the same frame first again.
        is_folder = isinstance(config.source, FolderSettings)
        self._in_flight = FramesInFlight(in_flight_file(config.database)) if is_folder else None
        synchronous = config.source.is_live
        self.pool = ClassifierPool(classifiers, synchronous=synchronous, in_flight=self._in_flight)

    def close(self) -> None:
        """End the threads. A second call does nothing."""
        self.pool.close()
        if self._in_flight:
            self._in_flight.close()
