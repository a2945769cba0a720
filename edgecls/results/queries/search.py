"""Full-text search in the paths, labels and errors of rows.

Most rows are in the FTS5 index `results_text`. The newest are not yet, and a damaged index is not used: such rows are
tokenized in an index in memory, so that the same tokenizer decides what a word is.
"""

import itertools
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from sqlite_utils import Database

from edgecls.database.row_values import escape_surrogates
from edgecls.database.sqlite_errors import is_damage, is_index_damage
from edgecls.errors import UsageError

log = logging.getLogger(__name__)

_BATCH = 5000


class Search:
    """A search for rows that contain all of `words`; a word that ends with `*` matches the beginning of a word.

    Case and accents are ignored. Raises UsageError if `words` contains no word.
    """

    def __init__(self, db: Database, words: str) -> None:
        self._db = db
        self._expression = match_expression(words)
        self._indexed_up_to = 0
        with self._index():
            self._indexed_up_to = db.execute("SELECT id FROM results_text_up_to").fetchone()[0]
            db.execute(f"{_MATCHES} LIMIT 1", (self._expression,)).fetchone()

    def ids(self, limit: int | None = None) -> list[int] | None:
        """Return the ids of all matching rows; None if there are more than `limit`."""
        unindexed = self._unindexed()
        indexed: list[int] = []
        if self._indexed_up_to:
            with self._index():
                sql = f"{_MATCHES} LIMIT ?"
                indexed = [
                    row[0] for row in self._db.execute(sql, (self._expression, -1 if limit is None else limit + 1))
                ]
        rest = None if limit is None else max(0, limit + 1 - len(indexed))
        # A row that was indexed in between is found twice.
        ids = list({*indexed, *itertools.islice(unindexed, rest)})
        return None if limit is not None and len(ids) > limit else ids

    def id_range(self) -> tuple[int, int]:
        """Return the lowest and the highest id that a matching row can have."""
        if not self._indexed_up_to:
            return 0, 2**63 - 1
        (first,) = self._db.execute(f"{_MATCHES} ORDER BY rowid LIMIT 1", (self._expression,)).fetchone() or (0,)
        if next(self._unindexed(), None) is not None:
            return first, 2**63 - 1
        (last,) = self._db.execute(f"{_MATCHES} ORDER BY rowid DESC LIMIT 1", (self._expression,)).fetchone() or (0,)
        return first, last

    def matching(self, ids: Sequence[int]) -> set[int]:
        """Return those of `ids` whose rows match; for a page of rows."""
        return self._matching(self._db.execute(_TEXTS_OF, (json.dumps(ids),)).fetchall())

    def _unindexed(self) -> Iterator[int]:
        after = self._indexed_up_to
        while texts := self._db.execute(_TEXTS_AFTER, (after, _BATCH)).fetchall():
            yield from self._matching(texts)
            after = texts[-1][0]

    def _matching(self, texts: Sequence[tuple[int, str | None, str | None, str | None]]) -> set[int]:
        """Return the ids of the (id, path, label, error) that match."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
            memory.execute("CREATE VIRTUAL TABLE words USING fts5(path, label, error, content='', detail=none)")
            memory.executemany("INSERT INTO words (rowid, path, label, error) VALUES (?, ?, ?, ?)", texts)
            return {
                row[0] for row in memory.execute("SELECT rowid FROM words WHERE words MATCH ?", (self._expression,))
            }

    @contextmanager
    def _index(self) -> Iterator[None]:
        """Stop using the index where it is found to be damaged inside; the rows need not be."""
        try:
            yield
        except (sqlite3.DatabaseError, TypeError) as error:  # TypeError: results_text_up_to has no row
            if isinstance(error, sqlite3.DatabaseError) and not (is_damage(error) or is_index_damage(error)):
                raise
            log.warning("the search index is damaged, searching every row instead (edgecls run rebuilds the index)")
            self._indexed_up_to = 0


_MATCHES = "SELECT rowid FROM results_text WHERE results_text MATCH ?"
_TEXTS_AFTER = "SELECT id, path, label, error FROM results WHERE id > ? ORDER BY id LIMIT ?"
_TEXTS_OF = "SELECT id, path, label, error FROM results WHERE id IN (SELECT value FROM json_each(?))"


def match_expression(words: str) -> str:
    """Return `words` as an FTS5 expression in which nothing but a final `*` has a special meaning.

    The index does not store positions, so there are no phrases: `porch-12.jpg` is searched as `porch`, `12` and `jpg`.
    """
    terms = []
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        memory.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance)")
        for number, word in enumerate(escape_surrogates(words).split()):
            memory.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, word))
            rows = memory.execute("SELECT term FROM terms WHERE doc = ? ORDER BY offset", (number,))
            quoted = [f'"{term}"' for (term,) in rows]
            if quoted and word.endswith("*"):
                quoted[-1] += " *"
            terms += quoted
    if not terms:
        raise UsageError(f"--search {words} contains no word: use letters or digits")
    return " ".join(terms)
