"""Allow one conversion per output: a second one would share its checkpoint and overwrite its model."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from edgecls import system
from edgecls.errors import Unavailable
from edgecls.files import resolve_links


@contextlib.contextmanager
def lock_output(output: Path) -> Iterator[None]:
    """Lock `output`, whichever link names it, until the block ends; the kernel releases the lock if the process is killed.

    The lock is an flock on a file beside it, `.NAME.lock`, which is removed at the end. Where that file cannot be created or
    locked (a read-only folder, some network file systems), nothing is locked. Raises Unavailable where another conversion
    holds the lock.
    """
    target = resolve_links(output)
    path = target.with_name(f".{target.name}.lock")
    descriptor = _acquire(path, output)
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is locked, so that a waiting process notices
            os.close(descriptor)


def _acquire(path: Path, output: Path) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | system.O_NOFOLLOW | system.O_CLOEXEC, 0o666)
        except OSError:
            return None
        try:
            system.lock(descriptor)
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise Unavailable(
                f"cannot write {output}: another conversion is writing it: wait for it to end, or choose another file"
            ) from error
        except FileNotFoundError:
            pass  # removed by the process that held it: try again
        except OSError:
            return descriptor
        os.close(descriptor)
