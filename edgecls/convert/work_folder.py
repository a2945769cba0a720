"""Where a conversion keeps gigabytes while it works."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgecls.errors import TryAgain, from_os_error
from edgecls.files import temporary_folder


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for temporary files, removed afterwards. Raises NoInput and WriteFailed where it cannot be used."""
    parent = str(temporary_folder())
    try:
        with tempfile.TemporaryDirectory(prefix="edgecls-", dir=parent) as folder:
            yield Path(folder)
    except TryAgain as error:  # a model on its way: what writes it knows nothing of TMPDIR
        if folder not in str(error) or "TMPDIR" in str(error):
            raise
        raise TryAgain(f"{error}, or set TMPDIR to another folder") from error
    except OSError as error:
        if not _is_about(error, parent):
            raise
        what = f"cannot keep temporary files in {parent} (set TMPDIR to another folder)"
        raise from_os_error(error, what) from error


def _is_about(error: OSError, folder: str) -> bool:
    """Whether it names a file in `folder`, or none and a full disk: whatever else is written there names its file."""
    if error.filename is None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.fsdecode(error.filename).startswith(folder)
