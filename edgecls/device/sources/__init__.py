"""Sources of frames: a folder, cameras and video files.

To add a source, write a class that implements `Source` and, in `edgecls.device.configuration.source_settings`, a
subclass of `SourceSettings` for its section of the configuration and one line in the table `SOURCES`. The configuration,
its documentation and the daemon read that table. The module of a source is imported only when the configuration chooses
it.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from edgecls.device.configuration.source_settings import SOURCES, SourceSettings
from edgecls.records import Frame

if TYPE_CHECKING:
    from edgecls.database.seen_file_rows import SeenFileRows


class EndOfSource(Exception):
    """There are no more frames, and there never will be."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The state of a source. Counts start at 0 when it is opened.

    `lost` is the reason why no frame can come, and `since` the time of the loss (aware, UTC); both are None while the
    source works. `dropped` frames were overtaken by newer ones, `still` frames showed no motion, and `damaged` frames
    could not be decoded.
    """

    lost: str | None = None
    since: datetime | None = None
    dropped: int = 0
    still: int = 0
    damaged: int = 0


class Source(Protocol):
    """A supplier of frames, which are pulled one by one. A context manager: it is open while inside.

    `name` is stored in `results.source`. Together with `Frame.key` it identifies a frame forever.
    """

    name: str

    def next_frame(self) -> Frame | None:
        """Return the next frame, or None if there is none yet.

        Returns within about a second, so that the caller can show that it is alive. Raises EndOfSource after the last
        frame.
        """
        ...

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """Finish a frame: its row is committed, or no row is wanted. `failed` means that the row holds an error.

        After a restart, a frame that already has its row is acknowledged again.
        """
        ...

    def status(self) -> SourceStatus:
        """Return the current state."""
        ...

    def probe(self) -> None:
        """Open the source, check that frames can come, and close it. Raises the error that prevents them.

        An open source may wait for a device or folder that is missing. `probe` does not wait.
        """
        ...

    def __enter__(self) -> "Source": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_source(settings: SourceSettings, seen: "SeenFileRows | None" = None) -> Source:
    """Return the source that `settings` describe. The caller enters it.

    `seen` is the database's list of delivered files. Only a folder takes one.
    """
    module, name = SOURCES[type(settings)].split(":")
    implementation: Any = getattr(import_module(module), name)
    source: Source = implementation(settings) if seen is None else implementation(settings, seen)
    return source
