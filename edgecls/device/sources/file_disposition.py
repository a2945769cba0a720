"""Keep, move or delete a file once its row is committed."""

import logging
import os

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources.move import move
from edgecls.errors import from_os_error
from edgecls.images.file_frame import FileStamp

log = logging.getLogger(__name__)


class FileDisposition:
    """Keeps, moves or deletes the files of a folder. Whatever the system refuses is repeated by `retry_failed`.

    Only a file that was classified is deleted. Whether files are moved or deleted, one that could not be classified is
    moved to the folder of failed files, because nobody has seen yet what is in it.
    """

    def __init__(self, root: str, settings: FolderSettings) -> None:
        self._root = root
        self._action = settings.after
        self._done_folder = os.path.join(root, settings.done_folder)
        self._failed_folder = os.path.join(root, settings.failed_folder)
        self._refused: dict[str, tuple[FileStamp, bool]] = {}  # by path: the state, and whether the row holds an error
        self._has_warned = False

    def check(self) -> None:
        """Check that files can be moved or deleted, so that it is known before the first row.

        Makes no folder: a check of the configuration may run as root, and the daemon could not write to its folder.
        Raises InputNotFound and IoFailed.
        """
        if self._action == "keep":
            return
        _check_writable(self._root, f"cannot {self._action} files of {self._root}")
        folders = [self._done_folder, self._failed_folder] if self._action == "move" else [self._failed_folder]
        for folder in folders:
            _check_writable(folder, f"cannot move files of {self._root} to {folder}")

    def make_folders(self) -> None:
        """Make the folders that files are moved to. Raises as `check` does."""
        try:
            for folder in (self._done_folder, self._failed_folder) if self._action == "move" else ():
                os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, f"cannot move files of {self._root}") from error

    def dispose(self, path: str, stamp: FileStamp, *, failed: bool) -> bool:
        """Keep, move or delete the file. Return whether it is no longer there.

        A file that no longer has this stamp is left alone: its present content has no row yet.
        """
        if self._action == "keep":
            return False
        self._refused.pop(path, None)
        try:
            if FileStamp.of(os.stat(path)) != stamp:
                return False
            self._act(path, failed=failed)
        except OSError as error:
            # Whoever removed the file meant to. But a whole folder that is gone may come back with it.
            if isinstance(error, FileNotFoundError) and os.path.isdir(os.path.dirname(path)):
                return True
            self._refused[path] = (stamp, failed)
            self._warn("move" if failed else self._action, path, error)
            return False
        return True

    def retry_failed(self) -> list[str]:
        """Repeat what was refused. Return the paths of files that are no longer there."""
        refused = list(self._refused.items())
        gone = [path for path, (stamp, failed) in refused if self.dispose(path, stamp, failed=failed)]
        self._has_warned = bool(self._refused)
        return gone

    def _act(self, path: str, *, failed: bool) -> None:
        name = os.path.relpath(path, self._root)
        if failed:
            move(path, self._failed_folder, name)
        elif self._action == "delete":
            os.unlink(path)
        else:
            move(path, self._done_folder, name)

    def _warn(self, action: str, path: str, error: OSError) -> None:
        """Warn once until everything works again: a read-only disk deserves one line, however many files it holds."""
        if not self._has_warned:
            log.warning("cannot %s %s (%s): its row is committed, trying again later", action, path, error.strerror)
        self._has_warned = True


def _check_writable(folder: str, problem: str) -> None:
    """Check that files can be put into `folder`, or into the one where it would be made. Raises an error otherwise.

    The message of the error begins with `problem`.
    """
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    try:
        if not os.access(os.path.join(folder, ""), os.W_OK | os.X_OK):
            attempt = os.path.join(folder, ".edgecls")
            os.mkdir(attempt)  # raises the system's own reason
            os.rmdir(attempt)
    except OSError as error:
        raise from_os_error(error, problem) from error
