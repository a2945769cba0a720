"""What a folder remembers over a restart: which files have their row, and in which state they were then."""

from collections.abc import Iterable
from typing import Protocol

from edgecls.database.clock.system_clock import UNSET_BEFORE
from edgecls.images.file_frame import FileStamp

_SECOND_NS = 10**9


class SeenFiles(Protocol):
    """A cache: what it does not know, or knows of another state, is read again, and its key tells that it has its row.

    Where files are taken away it holds those for which that was not possible yet.
    """

    def take_known(self) -> Iterable[tuple[str, tuple[int, int, int]]]:
        """Yield (key, its state) of the files that have their row; once: what is given is not held."""
        ...

    def has_row(self, key: str) -> bool:
        """Return whether a frame of this key has its row, as far as can be told now."""
        ...

    def remember(self, name: str, key: str, state: tuple[int, int, int]) -> None:
        """The file's row, of that key, is committed; `state` is (size, time of modification, of change [ns]).

        Raises what the store raises.
        """
        ...

    def forget(self, name: str) -> None:
        """The file is gone."""
        ...


class _NothingSeen:
    """Remembers nothing."""

    def take_known(self) -> Iterable[tuple[str, tuple[int, int, int]]]:
        """None."""
        return ()

    def has_row(self, key: str) -> bool:  # noqa: ARG002
        """No."""
        return False

    def remember(self, name: str, key: str, state: tuple[int, int, int]) -> None:
        """No."""

    def forget(self, name: str) -> None:
        """As everything."""


NOTHING_SEEN = _NothingSeen()


def tells_changes(stamp: FileStamp) -> bool:
    """Whether a change of the file will certainly show in its times, even after a restart.

    Not where the file system keeps whole seconds (FAT), for then two changes may bear one time; nor where the clock was
    not set, for at its next boot the board will see the same times again.
    """
    return stamp.changed_ns % _SECOND_NS != 0 and stamp.changed_ns >= UNSET_BEFORE.timestamp() * _SECOND_NS
