"""What people say of frames: the label that each should have had. The prediction stays as it was."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, final

from edgecls.database.connection import check_file, write_transaction
from edgecls.database.file_identity import FileIdentity
from edgecls.database.opening import open_for_writing
from edgecls.database.row_values import escape_surrogates
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import BadData, UsageError
from edgecls.model.labels import clean_label, find_label
from edgecls.records import UNKNOWN

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class PredictedFrame:
    """What a review keeps of a frame: as its row said. `model` is the SHA-256 of its file; `reason` why it was picked."""

    source: str
    key: str
    path: str
    predicted: str
    score: float | None
    model: str
    reason: str


@final
class Reviews:
    """Writes reviews to the database at `path`, also while a daemon writes its rows; a context manager.

    A frame, told by its source and key, has one review: the last word counts. A review keeps what the row said, for
    retention may remove the row. Its path is the row's: where the frame was when it was classified, though the file
    may have been moved or deleted since.

    For one thread: the one that made it. Raises, from every method, as `Store` does, and InputNotFound where there is no
    such file: a review is of rows, so no database is made for it.
    """

    def __init__(self, path: str | Path, *, busy_timeout: float | None = None) -> None:
        """`busy_timeout`: seconds to wait for another process, by default ten."""
        self.path = Path(path)
        check_file(self.path)
        self.database: Database = open_for_writing(self.path, busy_timeout=busy_timeout)
        try:
            with translate_errors(self.path):
                self._place = FileIdentity(self.path, self.database)
        except BaseException:
            self.database.close()
            raise

    def __enter__(self) -> "Reviews":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, result_id: int, label: str) -> str | None:
        """Note that the frame of this row is a `label`; returns the label that its review had before, None if none.

        The label is stored as the frame's model spells it, else as other models and reviews do. Raises UsageError where
        there is no such row, where its frame could not be classified (it has no prediction to review), and where the
        label is empty.
        """
        label = clean_label(label)
        if not label:
            raise UsageError("a review needs a label: say what the picture shows, or withdraw the review")
        with self._in_one_go():
            row = self.database.execute(_ROW, (result_id,)).fetchone()
            if row is None:
                raise UsageError(f"there is no row {result_id} in {self.path}: name the id of one, see edgecls query")
            if row[4] is None:
                raise UsageError(f"row {result_id} has no prediction to review, its frame could not be classified")
            before = review_of(self.database, result_id)
            label = _Spelling(self.database).of(label, model=row[3], predicted=row[4])
            self.database.execute(_PUT, (*row, label, format_timestamp(datetime.now(timezone.utc))))
        return before

    def put_frames(self, reviews: Iterable[tuple["PredictedFrame", str]]) -> int:
        """Note these labels of frames whose rows may be gone by now, all or nothing; returns how many were not so before.

        Raises BadData where a frame's model is not in this database.
        """
        changed = 0
        with self._in_one_go():
            spelling = _Spelling(self.database)
            for frame, text in reviews:
                model = self.database.execute("SELECT id FROM models WHERE sha256 = ?", (frame.model,)).fetchone()
                if not model:
                    raise BadData(f"{self.path} has no rows of the model of {frame.path}: name the database it is from")
                label = spelling.of(text, model=model[0], predicted=frame.predicted)
                told = {**asdict(frame), "label": label, "at": format_timestamp(datetime.now(timezone.utc))}
                changed += self.database.execute(_PUT_FRAME, told).rowcount
        return changed

    def withdraw(self, result_id: int) -> str | None:
        """Remove the review of this row's frame; returns the label it had, None if there was none."""
        with self._in_one_go():
            before = review_of(self.database, result_id)
            self.database.execute(_WITHDRAW, (result_id,))
        return before

    def close(self) -> None:
        """Close the file; again does nothing."""
        self.database.close()
        self._place.close()

    @contextmanager
    def _in_one_go(self) -> Iterator[None]:
        """What was read must still hold when it is written, and be written to the file that is at its name."""
        self._place.check()
        with translate_errors(self.path), write_transaction(self.database):
            yield
        self._place.check()


class _Spelling:
    """How the models and reviews of a database spell their labels."""

    def __init__(self, db: "Database") -> None:
        models = db.execute("SELECT id, labels FROM models").fetchall()
        self._of_model: dict[int, list[str]] = {model: json.loads(labels) for model, labels in models}
        self._known = known_labels(db)

    def of(self, text: str, *, model: int, predicted: str) -> str:
        """Return the label that is meant; a new one, cleaned, where none is."""
        for labels in ([predicted, *self._of_model[model]], self._known):
            if spelled := find_label(text, labels):
                return escape_surrogates(spelled)
        return escape_surrogates(clean_label(text))


def known_labels(db: "Database") -> list[str]:
    """Return the labels of all models and all reviews, and UNKNOWN; sorted. `db` may be of `open_results`."""
    of_models = (label for (labels,) in db.execute("SELECT labels FROM models") for label in json.loads(labels))
    reviews = db.execute("SELECT DISTINCT label FROM reviews").fetchall() if has_reviews(db) else []
    return sorted({UNKNOWN, *of_models, *(label for (label,) in reviews)})


def review_of(db: "Database", result_id: int) -> str | None:
    """The label of the review of this row's frame, None if it has none. `db` may be of `open_results`."""
    if not has_reviews(db):
        return None
    found = db.execute(_REVIEW_OF, (result_id,)).fetchone()
    return None if found is None else str(found[0])


def has_reviews(db: "Database") -> bool:
    """Whether `db` has the table; not if an older edgecls wrote it, and nobody has written to it since."""
    return "reviews" in db.table_names()


_ROW = """
    SELECT results.source, key, path, model_id, label, score
    FROM results JOIN runs ON runs.id = run_id WHERE results.id = ?
"""
# A frame that was saved, and then deleted for its budget, has no path any more: the last one known stays.
_PUT = """
    INSERT INTO reviews (source, key, path, model_id, predicted, score, label, reviewed_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO UPDATE SET
        path = coalesce(excluded.path, path), model_id = excluded.model_id, predicted = excluded.predicted,
        score = excluded.score, label = excluded.label, reviewed_at = excluded.reviewed_at
"""
_PUT_FRAME = """
    INSERT INTO reviews (source, key, path, model_id, predicted, score, label, reviewed_at, reason)
    SELECT :source, :key, :path, id, :predicted, :score, :label, :at, :reason FROM models WHERE sha256 = :model
    ON CONFLICT (source, key) DO UPDATE SET label = excluded.label, reviewed_at = excluded.reviewed_at,
        reason = coalesce(reason, excluded.reason)
    WHERE label <> excluded.label OR reason IS NULL
"""
_WITHDRAW = "DELETE FROM reviews WHERE (source, key) = (SELECT source, key FROM results WHERE id = ?)"
_REVIEW_OF = """
    SELECT reviews.label FROM results JOIN reviews USING (source, key) WHERE results.id = ?
"""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A frame that has been reviewed: `path` and `config` (JSON, of its run) say where it was, `label` what it is."""

    key: str
    path: str | None
    config: str
    predicted: str
    label: str


def reviewed(db: "Database") -> Iterator[Reviewed]:
    """All that has been reviewed, in the order of the reviews. `db` may be of `open_results`."""
    if has_reviews(db):
        yield from (Reviewed(*row) for row in db.execute(_REVIEWED))


# Of a row that retention has removed, the configuration is no longer known.
_REVIEWED = """
    SELECT reviews.key, reviews.path, coalesce(config, '{}'), predicted, reviews.label
    FROM reviews LEFT JOIN results USING (source, key) LEFT JOIN runs ON runs.id = run_id ORDER BY reviews.id
"""
