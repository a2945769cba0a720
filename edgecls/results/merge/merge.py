"""Merging of databases: rows that are missing from the output are added, existing ones stay.

Rows are read from one connection and written to another. ATTACH would limit a transaction to ten files, and would not
tell which file an error is about.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.backup import remove_side_files
from edgecls.database.connection import write_transaction
from edgecls.database.opening import open_for_writing, open_writable
from edgecls.database.reading import open_results
from edgecls.database.search_index import index_all_rows
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import UsageError
from edgecls.files import is_stream, replaced
from edgecls.progress import Progress
from edgecls.results.merge.merge_input import DatabaseMerger, MergeInput, MergeResult

CACHE_KIB = 128 * 1024
"""Keys are not in order: each row touches other pages of the index of an existing output."""


def merge(out: Path, inputs: Sequence[MergeInput], steps: Progress | None = None) -> list[MergeResult]:
    """Add the rows of `inputs` to the database `out`, which is created if it does not exist; return what was added.

    All inputs are added in one transaction: after a full disk or `kill -9`, `out` is unchanged. Inputs are only read,
    each as a snapshot, while their daemons continue. The search index is extended afterwards; if that is interrupted,
    the next writer of the database continues it.

    Raises:
        UsageError: A file is named twice, or is `out`; or a device was merged under another name before.
        InputNotFound, IoFailed, BadDatabase: About the file that each names.
    """
    _check_files(out, inputs)
    steps = steps or Progress()
    if out.exists():
        return _merge_into(out, inputs, steps)
    try:
        with replaced(out, overwrite=False) as file:
            try:
                return _merge_into(Path(file.name), inputs, steps, name=out)
            finally:
                remove_side_files(Path(file.name))
    except FileExistsError as error:
        raise UsageError(f"{out} was created by another process: run the merge again to add to it") from error


def _check_files(out: Path, inputs: Sequence[MergeInput]) -> None:
    if is_stream(out):
        raise UsageError(f"{out} is a device or a pipe, but a database must be a file: use another path")
    for each in inputs:
        open_results(each.path).close()
    existing_out = [out] if out.exists() else []
    counts = Counter(_file_id(path) for path in (*existing_out, *(each.path for each in inputs)))
    for each in inputs:
        if counts[_file_id(each.path)] > 1:
            problem = "OUT itself" if existing_out and out.samefile(each.path) else "named twice"
            raise UsageError(f"{each.path} is {problem}: name each database once")


def _file_id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _merge_into(
    path: Path, inputs: Sequence[MergeInput], steps: Progress, name: Path | None = None
) -> list[MergeResult]:
    """Add `inputs` to the database at `path`. `name` is the final path of a new file, None for an existing one."""
    opened = closing(open_for_writing(path, name=name)) if name else open_writable(path)
    with translate_errors(name or path), opened as db:
        if name:  # no other process has the new file open: no WAL is needed, and it is flushed when it gets its name
            db.conn.execute("PRAGMA journal_mode=DELETE")
            db.conn.execute("PRAGMA synchronous=OFF")
        db.conn.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        db.conn.execute("PRAGMA temp_store=MEMORY")
        with write_transaction(db):
            merged = [_add(db, each, steps) for each in inputs]
        with steps.step("indexing text"):
            index_all_rows(db)
    return merged


def _add(db: Database, merge_input: MergeInput, steps: Progress) -> MergeResult:
    with closing(open_results(merge_input.path)) as source:
        with translate_errors(merge_input.path):
            source.conn.execute("BEGIN")  # a single snapshot
        return DatabaseMerger(db, source, merge_input).add(steps)
