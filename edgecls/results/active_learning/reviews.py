"""Reviews: the labels that people give to frames. Predictions are not changed."""

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
from edgecls.results.queries.names import labels_of_models

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class PredictedFrame:
    """The part of a frame's row that its review keeps.

    Attributes:
        model: The SHA-256 of the model file.
        reason: The reason for selecting the frame in a harvest.
    """

    source: str
    key: str
    path: str
    predicted: str
    score: float | None
    model: str
    reason: str


@final
class Reviews:
    """Writes reviews to a database, also while a daemon writes rows; a context manager.

    A frame, identified by its source and key, has at most one review: the latest. A review keeps a copy of the row's
    columns, since retention may remove the row. The copied path is where the frame was when it was classified, although
    the file may have been moved or deleted since.

    Every method raises the errors of `Store`. An instance must be used in the thread that created it.

    Args:
        path: An existing database: reviews refer to rows, so none is created.
        busy_timeout: Seconds to wait for another process; ten by default.

    Raises:
        InputNotFound: There is no such file.
    """

    def __init__(self, path: str | Path, *, busy_timeout: float | None = None) -> None:
        self.path = Path(path)
        check_file(self.path)
        self.database: Database = open_for_writing(self.path, busy_timeout=busy_timeout)
        try:
            with translate_errors(self.path):
                self._identity = FileIdentity(self.path, self.database)
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
        """Store `label` as the review of the frame of a row; return the label of its previous review, or None.

        The label is stored as the frame's model spells it, otherwise as other models and reviews do.

        Raises:
            UsageError: There is no such row, its frame could not be classified, or the label is empty.
        """
        label = clean_label(label)
        if not label:
            raise UsageError("the label is empty: enter the label of the image, or withdraw the review")
        with self._transaction():
            row = self.database.execute(_ROW, (result_id,)).fetchone()
            if row is None:
                raise UsageError(f"there is no row {result_id} in {self.path}: edgecls query lists the ids")
            if row[4] is None:
                raise UsageError(f"row {result_id} cannot be reviewed: its frame could not be classified")
            previous = review_of(self.database, result_id)
            label = _Spelling(self.database).resolve(label, model=row[3], predicted=row[4])
            self.database.execute(_PUT, (*row, label, format_timestamp(datetime.now(timezone.utc))))
        return previous

    def put_frames(self, reviews: Iterable[tuple["PredictedFrame", str]]) -> int:
        """Store reviews of frames whose rows may have been removed since; return the number of reviews that changed.

        Either all are stored, or none.

        Raises:
            BadData: The model of a frame is not in this database.
        """
        changed = 0
        with self._transaction():
            spelling = _Spelling(self.database)
            for frame, entered in reviews:
                model = self.database.execute("SELECT id FROM models WHERE sha256 = ?", (frame.model,)).fetchone()
                if not model:
                    raise BadData(
                        f"{self.path} has no rows of the model of {frame.path}: use the database that the harvest is from"
                    )
                label = spelling.resolve(entered, model=model[0], predicted=frame.predicted)
                values = {**asdict(frame), "label": label, "at": format_timestamp(datetime.now(timezone.utc))}
                changed += self.database.execute(_PUT_FRAME, values).rowcount
        return changed

    def withdraw(self, result_id: int) -> str | None:
        """Remove the review of the frame of a row; return its label, or None if there was none."""
        with self._transaction():
            previous = review_of(self.database, result_id)
            self.database.execute(_WITHDRAW, (result_id,))
        return previous

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self.database.close()
        self._identity.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Open a write transaction, and check before and after that the path still names the opened file."""
        self._identity.check()
        with translate_errors(self.path), write_transaction(self.database):
            yield
        self._identity.check()


class _Spelling:
    """The spelling of labels in the models and reviews of a database."""

    def __init__(self, db: "Database") -> None:
        models = db.execute("SELECT id, labels FROM models").fetchall()
        self._labels_by_model: dict[int, list[str]] = {model: json.loads(labels) for model, labels in models}
        self._known = known_labels(db)

    def resolve(self, entered: str, *, model: int, predicted: str) -> str:
        """Return the known label that matches `entered`, otherwise `entered` itself, cleaned."""
        for labels in ([predicted, *self._labels_by_model[model]], self._known):
            if label := find_label(entered, labels):
                return escape_surrogates(label)
        return escape_surrogates(clean_label(entered))


def known_labels(db: "Database") -> list[str]:
    """Return the labels of all models and all reviews, and UNKNOWN, sorted."""
    reviews = db.execute("SELECT DISTINCT label FROM reviews").fetchall()
    return sorted({UNKNOWN, *labels_of_models(db), *(label for (label,) in reviews)})


def review_of(db: "Database", result_id: int) -> str | None:
    """Return the label of the review of the frame of a row, or None."""
    row = db.execute(_REVIEW_OF, (result_id,)).fetchone()
    return None if row is None else str(row[0])


_ROW = """
    SELECT results.source, key, path, model_id, label, score
    FROM results JOIN runs ON runs.id = run_id WHERE results.id = ?
"""
# The row of a saved frame loses its path when retention deletes the file: the review keeps the last one.
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
class ReviewedFrame:
    """A frame with a review.

    Attributes:
        path, config: Where the image was; `config` is the configuration of its run, JSON.
        label: The label of the review.
    """

    key: str
    path: str | None
    config: str
    predicted: str
    label: str


def read_reviewed_frames(db: "Database") -> Iterator[ReviewedFrame]:
    """Yield all frames with a review, in the order of the reviews."""
    yield from (ReviewedFrame(*row) for row in db.execute(_REVIEWED))


# For a row that retention has removed, the configuration is unknown.
_REVIEWED = """
    SELECT reviews.key, reviews.path, coalesce(config, '{}'), predicted, reviews.label
    FROM reviews LEFT JOIN results USING (source, key) LEFT JOIN runs ON runs.id = run_id ORDER BY reviews.id
"""
