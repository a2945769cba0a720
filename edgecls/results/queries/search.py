"""Searching the paths, labels and errors of rows for words.

Most rows are in the index `results_text`. Those written last are not yet: they are put into an index of the same kind in
memory, so that one tokenizer decides what a word is.
"""

import logging
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

from sqlite_utils import Database

from edgecls.database.row_values import escape_surrogates
from edgecls.database.sqlite_errors import is_damage, is_index_damage
from edgecls.errors import UsageError

log = logging.getLogger(__name__)

_BATCH = 5000


class Search:
    """The rows of `db` that have all of `words`, wherever; a word that ends with `*` is the beginning of one.

    Case and accents do not count. Raises UsageError where there is no word in `words`.
    """

    def __init__(self, db: Database, words: str) -> None:
        self._db = db
        self._expression = expression(words)
        self._is_indexed = "results_text" in db.table_names() and self._can_be_read()
        # First, and only then the index: a row that is indexed in between is found twice, and none is missed.
        self._later = sorted(self._not_indexed())
        self._gap = (math.inf, -math.inf)  # between these two no row has the words

    def ids(self, most: int | None = None) -> Sequence[int] | None:
        """The ids of these rows, in no order; None if they are more than `most` of the index."""
        if not self._is_indexed:
            return self._later
        limit = -1 if most is None else most + 1
        with self._readable():
            found = [row for (row,) in self._db.execute(f"{_FOUND} LIMIT ?", (self._expression, limit))]
        if not self._is_indexed:
            return self._later
        return None if most is not None and len(found) > most else list({*found, *self._later})

    def ids_between(self, first: int, last: int) -> Sequence[int]:
        """Those from `first` to `last`."""
        below, above = self._gap
        if below < first and last < above:
            return []
        found: list[int] = []
        if self._is_indexed:
            with self._readable():
                within = (self._expression, first, last)
                found = [row for (row,) in self._db.execute(f"{_FOUND} AND rowid BETWEEN ? AND ?", within)]
        found = list({*found, *(row for row in self._later if first <= row <= last)})
        if not found and self._is_indexed:
            self._gap = self._gap_around(first, last)
        return found

    def _can_be_read(self) -> bool:
        """Whether the index is there as a whole, as far as one word shows."""
        self._is_indexed = True
        with self._readable():
            self._db.execute(f"{_FOUND} LIMIT 1", (self._expression,)).fetchall()
            if self._db.execute("SELECT id FROM results_text_up_to").fetchone() is None:
                raise sqlite3.DatabaseError("results_text_up_to is empty")
        return self._is_indexed

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Look at all rows instead where the index turns out damaged: the rows need not be."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if not (is_damage(error) or is_index_damage(error)):
                raise
            log.warning(
                "the search index is damaged (edgecls run makes it anew): each row is searched, which takes longer"
            )
            self._is_indexed = False
            self._later = sorted(self._not_indexed())

    def _gap_around(self, first: int, last: int) -> tuple[float, float]:
        """The rows next to these that have the words: a word of last year alone need not be looked for in each hour since."""
        below = self._db.execute(f"{_FOUND} AND rowid < ? ORDER BY rowid DESC LIMIT 1", (self._expression, first))
        above = self._db.execute(f"{_FOUND} AND rowid > ? ORDER BY rowid LIMIT 1", (self._expression, last))
        return (
            max([-math.inf, *(row for (row,) in below), *(row for row in self._later if row < first)]),
            min([math.inf, *(row for (row,) in above), *(row for row in self._later if row > last)]),
        )

    def _not_indexed(self) -> Iterable[int]:
        up_to = self._db.execute("SELECT id FROM results_text_up_to").fetchone()[0] if self._is_indexed else 0
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
            memory.execute("CREATE VIRTUAL TABLE words USING fts5(path, label, error, content='', detail=none)")
            while rows := self._db.execute(_LATER, (up_to, _BATCH)).fetchall():
                memory.execute("INSERT INTO words (words) VALUES ('delete-all')")
                memory.executemany("INSERT INTO words (rowid, path, label, error) VALUES (?, ?, ?, ?)", rows)
                found = memory.execute("SELECT rowid FROM words WHERE words MATCH ?", (self._expression,))
                yield from (row for (row,) in found)
                up_to = rows[-1][0]


_FOUND = "SELECT rowid FROM results_text WHERE results_text MATCH ?"
_LATER = "SELECT id, path, label, error FROM results WHERE id > ? ORDER BY id LIMIT ?"


def expression(words: str) -> str:
    """`words` in the language of FTS5, of which nothing that a user writes but the `*` has a meaning.

    The index has no places of words, so there are no phrases: `porch-12.jpg` is looked for as `porch`, `12` and `jpg`.
    """
    terms = []
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        memory.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance)")
        for number, word in enumerate(escape_surrogates(words).split()):
            memory.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, word))
            found = [
                f'"{term}"'
                for (term,) in memory.execute("SELECT term FROM terms WHERE doc = ? ORDER BY offset", (number,))
            ]
            if found and word.endswith("*"):
                found[-1] += " *"
            terms += found
    if not terms:
        raise UsageError(f"--search {words}: there is no word in it: write letters or digits")
    return " ".join(terms)
