"""Which images belong together, read from their names: the shots of a burst, the exposures of one thing."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from edgecls.errors import UsageError


def find_groups(paths: Sequence[Path], root: Path, pattern: str) -> list[str | None]:
    """The group of each path: what the regular expression `pattern` finds in it, None where it finds nothing.

    It is searched for in the path relative to `root`, with `/` between folders. The group's name is what the first
    parenthesis matches, or else all that is matched. Raises UsageError where `pattern` is wrong or never matches.
    """
    try:
        search = re.compile(pattern).search
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"--group-by {pattern!r} is no regular expression ({error}): correct it") from error
    names = [Path(os.path.relpath(path, root)).as_posix() for path in paths]
    matches = [search(name) for name in names]
    groups = [(match[1] if match.re.groups else match[0]) or None if match else None for match in matches]
    if not any(groups):
        raise UsageError(f"--group-by {pattern!r} finds a group in no file, not in {names[0]}: correct it")
    return groups
