"""The errors that edgecls raises, as one tree; each branch has its exit code.

    EdgeclsError
    ├── UsageError          2   the command line asks for something that makes no sense
    ├── BadData            65   an input is there, but is not what it should be
    │   ├── BadImage            one frame could not be decoded
    │   ├── BadModel            not a model, or one that fails its golden examples
    │   └── BadDatabase         not a results database, or one of a newer edgecls
    ├── InputNotFound      66   a named file or folder does not exist
    ├── MissingExtra       69   a package of an optional extra is not installed
    ├── MissingWeights     69   pretrained weights are not on this machine, and cannot be downloaded
    ├── QueryTimeout       75   a query took longer than its time limit
    ├── IoFailed           74   disk full, no permission, a device error
    │   ├── Unavailable         of these, what may pass: a full disk, a file that another process holds
    │   └── FileReplaced        an open database is no longer what lies at its name
    └── BadConfig          78   the configuration is wrong; a restart does not help

A message is one line: what is wrong, then what to do about it. Codes are those of BSD's sysexits.h.
"""

import errno
import os
import stat

from edgecls import system


class EdgeclsError(Exception):
    """Base of all errors that edgecls raises on purpose."""

    exit_code = 1


class UsageError(EdgeclsError):
    """Options that contradict each other or name something unknown."""

    exit_code = 2


class BadData(EdgeclsError):
    """An input exists but cannot be used."""

    exit_code = 65


class BadImage(BadData):
    """Encoded bytes that do not decode to an image."""


class BadModel(BadData):
    """A model file that cannot be read, or whose outputs are not the promised ones."""


class BadDatabase(BadData):
    """A file that is not a results database this version can use."""


class InputNotFound(EdgeclsError):
    """A file or folder that was named is not there."""

    exit_code = 66


class MissingExtra(EdgeclsError):
    """A command needs packages that the device install leaves out."""

    exit_code = 69


class MissingWeights(EdgeclsError):
    """Pretrained weights are neither in the cache nor to be had from the network."""

    exit_code = 69


class QueryTimeout(EdgeclsError):
    """A query was interrupted at its time limit."""

    exit_code = 75


class IoFailed(EdgeclsError):
    """The operating system refused to read or write."""

    exit_code = 74


class Unavailable(IoFailed):
    """A refusal that may pass: the disk is full, or another process holds the file."""


class FileReplaced(IoFailed):
    """An open file was removed, renamed, replaced or overwritten: what is written to it would be lost."""


class BadConfig(EdgeclsError):
    """The configuration cannot work; restarting will not help. Each of `problems` is a line."""

    exit_code = 78

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EPERM: "operation not permitted: check owner and mode, or run as another user",
    errno.EROFS: "the file system is read-only: choose a path on a writable one",
    errno.EEXIST: "the name is already taken: choose another one",
    errno.EISDIR: "it is a folder: name a file",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EBADF: "it is not open for writing: name a file",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ELOOP: "its symbolic links lead in a circle: name a file",
}


_PASSING = {errno.ENOSPC, errno.EDQUOT}


def from_os_error(error: OSError, what: str) -> EdgeclsError:
    """Translate an OSError into this tree; `what` begins the message: "cannot write model.tflite"."""
    if isinstance(error, FileNotFoundError):
        return InputNotFound(f"{what}: no such file or folder")
    remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
    if error.errno == errno.EACCES:
        remedy = f"permission denied: {who_may_not(error.filename)}: check owner and mode, or run as another user"
    kind = Unavailable if error.errno in _PASSING else IoFailed
    return kind(f"{what}: {remedy}")


def current_user() -> str:
    """Return the name of the user that this process runs as, or the number where there is no name."""
    return system.user_name(system.user_id())


def who_may_not(path: object) -> str:
    """Return which user may not use what: the first folder of the path that is closed, with its owner and mode.

    `path` is the file name of an OSError, or None.
    """
    user = current_user()
    if not isinstance(path, (str, bytes, os.PathLike)):
        return f"user {user} may not"
    whole = os.path.abspath(os.fsdecode(path))
    folders = [whole[:at] or os.sep for at, character in enumerate(whole) if character == os.sep]
    effective = os.access in os.supports_effective_ids
    for folder in folders:
        if not os.access(folder, os.X_OK, effective_ids=effective):
            return f"user {user} may not enter {_owned(folder)}"
    if os.path.lexists(whole):
        return f"user {user} may not use {_owned(whole)}"
    return f"user {user} may not write to {_owned(folders[-1])}"


def _owned(path: str) -> str:
    """Return a path with its owner and mode, if they can be read."""
    try:
        status = os.stat(path)
    except OSError:
        return path
    return f"{path} (owner {system.user_name(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o})"
