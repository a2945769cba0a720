"""Where frames come from: one small file a source, chosen by the configuration and imported only then.

A source is added with a class that is a `Source`, its settings in `edgecls.device.configuration.settings`, and a line
in `SOURCES`.
"""

import threading
from collections.abc import Iterator
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol

from edgecls.device.sources.status import SourceStatus
from edgecls.records import Frame

SOURCES = {
    "folder": "edgecls.device.sources.folder:FolderSource",
    "camera": "edgecls.device.sources.camera:CameraSource",
    "picamera": "edgecls.device.sources.picamera:PicameraSource",
    "video": "edgecls.device.sources.video:VideoSource",
}
"""`type` in the configuration -> "module:class"; the class takes the settings of its type."""


class Source(Protocol):
    """Frames, pulled one by one. A context manager: open while inside."""

    name: str
    """what `results.source` says; with `Frame.key` it names a frame for ever"""

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """Yield frames as they come; end soon after `stop` is set, or when there can be no more.

        None says "nothing yet, and all is well": at least once a second while there is no frame, or the watchdog will
        take the source for stuck.
        """
        ...

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """The frame needs nothing more: its row is committed, or is not wanted. `failed`: the row has an error.

        Said again after a restart that finds the row.
        """
        ...

    def status(self) -> SourceStatus:
        """How it is; asked at each turn of the loop."""
        ...

    def probe(self) -> None:
        """Open it, see whether frames can come, and close it: for a check. Raises what keeps them from coming.

        While serving, a source may wait for what is not there yet; this does not.
        """
        ...

    def __enter__(self) -> "Source":
        """Open it."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...


def open_source(kind: str, settings: Any) -> Source:
    """The source of type `kind` (a key of `SOURCES`) with its settings; to be entered by the caller."""
    module, name = SOURCES[kind].split(":")
    source: Source = getattr(import_module(module), name)(settings)
    return source
