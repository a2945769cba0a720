"""What becomes of a file once its row is committed."""

import logging
import os

from edgecls.device.configuration.settings import FolderSettings
from edgecls.device.sources.move import move
from edgecls.errors import from_os_error
from edgecls.images.file_frame import FileStamp

log = logging.getLogger(__name__)


class FileDisposition:
    """Keeps, moves or deletes files of a folder; what the system refuses is tried again when `retry_failed` is called.

    Only a file that was classified is deleted. One that could not be is moved to the folder of failed files, whether
    the others are moved or deleted: nobody has seen yet what is in it.
    """

    def __init__(self, root: str, settings: FolderSettings) -> None:
        self._root = root
        self._action = settings.after
        self._done_folder = os.path.join(root, settings.done_folder)
        self._failed_folder = os.path.join(root, settings.failed_folder)
        self._left: dict[str, tuple[FileStamp, bool]] = {}
        self._has_complained = False

    def check(self) -> None:
        """Raise InputNotFound or IoFailed if nothing can be moved or deleted: better now than after the first row.

        Makes no folder: whoever checks a configuration may be root, and the folder would be closed to the daemon.
        """
        if self._action == "keep":
            return
        _check_takes_files(self._root, f"cannot {self._action} files of {self._root}")
        folders = [self._done_folder, self._failed_folder] if self._action == "move" else [self._failed_folder]
        for folder in folders:
            _check_takes_files(folder, f"cannot move files of {self._root} to {folder}")

    def make_folders(self) -> None:
        """Make the folders that files are moved to, before the watch begins. Raises as `check` does."""
        try:
            for folder in (self._done_folder, self._failed_folder) if self._action == "move" else ():
                os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, f"cannot move files of {self._root}") from error

    def dispose(self, path: str, stamp: FileStamp, *, failed: bool) -> bool:
        """Return whether the file is no longer there.

        Nothing is done to one that is another stamp by now: that one has no row yet.
        """
        if self._action == "keep":
            return False
        self._left.pop(path, None)
        try:
            if FileStamp.of(os.stat(path)) != stamp:
                return False
            self._act(path, failed=failed)
        except OSError as error:
            # Whoever has taken the file away meant to; but a whole folder that is gone may come back with it.
            if isinstance(error, FileNotFoundError) and os.path.isdir(os.path.dirname(path)):
                return True
            self._left[path] = (stamp, failed)
            self._complain("move" if failed else self._action, path, error)
            return False
        return True

    def retry_failed(self) -> list[str]:
        """Try again what was refused; return the paths of files that are no longer there."""
        refused = list(self._left.items())
        gone = [path for path, (stamp, failed) in refused if self.dispose(path, stamp, failed=failed)]
        self._has_complained = bool(self._left)
        return gone

    def _act(self, path: str, *, failed: bool) -> None:
        name = os.path.relpath(path, self._root)
        if failed:
            move(path, self._failed_folder, name)
        elif self._action == "delete":
            os.unlink(path)
        else:
            move(path, self._done_folder, name)

    def _complain(self, action: str, path: str, error: OSError) -> None:
        """Once until all is well again: a read-only disk is one piece of news, however many files it holds."""
        if not self._has_complained:
            log.warning("cannot %s %s (%s): its row is safe, trying again later", action, path, error.strerror)
        self._has_complained = True


def _check_takes_files(folder: str, what: str) -> None:
    """Raise an error about `what` if no file can be put into `folder`, or where it would be made if it is missing."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    try:
        if not os.access(os.path.join(folder, ""), os.W_OK | os.X_OK):
            attempt = os.path.join(folder, ".edgecls")
            os.mkdir(attempt)  # raises what the system has to say
            os.rmdir(attempt)
    except OSError as error:
        raise from_os_error(error, what) from error
