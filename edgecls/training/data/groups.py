"""Groups of images that belong together, found in their paths: the shots of a burst, the exposures of one object."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from edgecls.errors import UsageError


def find_groups(paths: Sequence[Path], root: Path, pattern: str) -> list[str | None]:
    """Return the group of each path: the match of the regular expression `pattern`, None where there is none.

    The path is relative to `root`, with `/` between folders. The name of the group is the first group of the match, or
    the whole match. Raises UsageError where `pattern` is invalid or never matches.
    """
    try:
        search = re.compile(pattern).search
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"--group-by {pattern!r} is not a valid regular expression ({error})") from error
    names = [Path(os.path.relpath(path, root)).as_posix() for path in paths]
    matches = [search(name) for name in names]
    groups = [(match[1] if match.re.groups else match[0]) or None if match else None for match in matches]
    if not any(groups):
        raise UsageError(f"--group-by {pattern!r} matches no file, not even {names[0]}")
    return groups
