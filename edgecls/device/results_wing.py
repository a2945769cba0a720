"""The results wing as the service uses it: by these protocols and functions, since neither wing imports the other."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from edgecls.addresses import hide_addresses
from edgecls.device.protocols import CatchesUp, Prunes, Sink, impatient
from edgecls.device.saving.saved_frames import SavedRows
from edgecls.device.sources.seen_files import SeenFiles
from edgecls.model.model_file import ModelFile
from edgecls.version import __version__


class RunStore(Sink, Protocol):
    """What the service needs of a database; a context manager: open while inside."""

    def begin_run(
        self,
        *,
        sha256: str,
        model_name: str,
        labels: Sequence[str],
        metrics: Mapping[str, Any],
        device: str,
        source: str,
        version: str,
        config: Mapping[str, Any],
    ) -> int:
        """Register a run; ends one that is open."""
        ...

    def end_run(self, reason: str) -> None:
        """Note when and why it stopped."""
        ...

    def __enter__(self) -> "RunStore":
        """It is open."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...


OpenStore = Callable[[Path, Callable[[], None]], RunStore]
"""The database at a path; a check that takes long calls the function, to say that it is no hang."""

Patiently = Callable[[Callable[[], object], threading.Event, Callable[[], None]], bool]
"""Does an action until the disk has room for it, calling the function meanwhile; False if the event ended that."""


def _once(action: Callable[[], object], _: threading.Event, __: Callable[[], None]) -> bool:
    return impatient(action)


class SeenFilesInStore(SeenFiles, Protocol):
    """What the service needs to keep in the database which files a folder has seen."""

    def flush(self) -> None:
        """Write what is not written yet."""
        ...


@dataclass(frozen=True, slots=True)
class ResultsWing:
    """What it can do for the service. A store that these functions are given is one that `open_store` has opened."""

    open_store: OpenStore
    patiently: Patiently = _once
    saved_rows: Callable[[Any], SavedRows] | None = None
    """(store) -> its rows with saved frames; without it no frames are saved"""
    retention: Callable[[Any, int | None, int | None, bool], Prunes] | None = None
    """(store, days, most, remember) -> what removes old rows; without it they stay"""
    words: Callable[[Any], CatchesUp] | None = None
    """(store) -> what makes its rows ready to be searched for words"""
    log_keeping: Callable[[Any], CatchesUp] | None = None
    """(store) -> what writes its log back into the file, and notices if that was removed or replaced"""
    seen_files: Callable[[Any, str], SeenFilesInStore] | None = None
    """(store, source) -> what remembers its files over a restart; without it all are read again"""


def begin_run(store: RunStore, model: ModelFile, *, device: str, source: str, config: Mapping[str, Any]) -> None:
    """Register a run of `model` in the store."""
    store.begin_run(
        sha256=model.sha256,
        model_name=model.name,
        labels=model.labels,
        metrics=model.info.metrics if model.info else {},
        device=device,
        source=source,
        version=__version__,
        config=hide_addresses(config),  # of settings that are yet to come, too
    )
