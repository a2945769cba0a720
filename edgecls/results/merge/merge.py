"""The databases of several devices, made into one: what is new is added, what is there stays.

Rows are read from one connection and written to another. ATTACH would bind a transaction to ten files, and leave open
which of them an error is about.
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
from edgecls.results.merge.merge_input import Input, Merged, MergeInput

CACHE_KIB = 128 * 1024
"""Keys come in no order: each row touches pages all over the index of an OUT that is there already."""


def merge(out: Path, inputs: Sequence[Input], steps: Progress | None = None) -> list[Merged]:
    """Add to the database `out` what it lacks of `inputs`; returns what became of each. `out` is made if need be.

    All inputs are one transaction: what interrupts it, a full disk or `kill -9`, leaves `out` as it was. Inputs are only
    read, each as it is at one moment, while their daemons go on. The words of the new rows are indexed after that: if this
    is interrupted, whoever writes next goes on with it.

    Raises:
        UsageError: a file is named twice, or is `out`; a device was merged under another name before.
        InputNotFound, IoFailed, BadDatabase: about the file that each names.
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
        raise UsageError(f"{out} was made by another process meanwhile: merge once more, and it is added to") from error


def _check_files(out: Path, inputs: Sequence[Input]) -> None:
    if is_stream(out):
        raise UsageError(f"{out} is a device or a pipe, where no database can be: name a file")
    for one in inputs:
        open_results(one.path).close()
    files = [out, *(one.path for one in inputs)] if out.exists() else [one.path for one in inputs]
    counts = Counter((found.st_dev, found.st_ino) for found in (file.stat() for file in files))
    for one in inputs:
        status = one.path.stat()
        if counts[status.st_dev, status.st_ino] > 1:
            is_out = out.exists() and out.samefile(one.path)
            raise UsageError(f"{one.path} is {'OUT itself' if is_out else 'named twice'}: name each database once")


def _merge_into(path: Path, inputs: Sequence[Input], steps: Progress, name: Path | None = None) -> list[Merged]:
    """`name`: under which the file at `path`, a new one, will be known."""
    opened = closing(open_for_writing(path, name=name)) if name else open_writable(path)
    with translate_errors(name or path), opened as db:
        if name:  # nobody else has it: without a log, and flushed once, when it takes its name
            db.conn.execute("PRAGMA journal_mode=DELETE")
            db.conn.execute("PRAGMA synchronous=OFF")
        db.conn.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        db.conn.execute("PRAGMA temp_store=MEMORY")
        with write_transaction(db):
            merged = [_add(db, one, steps) for one in inputs]
        with steps.step("indexing words"):
            index_all_rows(db)
    return merged


def _add(db: Database, one: Input, steps: Progress) -> Merged:
    with closing(open_results(one.path)) as source:
        with translate_errors(one.path):
            source.conn.execute("BEGIN")  # one moment of it
        return MergeInput(db, source, one).add(steps)
