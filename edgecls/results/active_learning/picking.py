"""Selection of images from ranked rows: the image must still exist, and of look-alikes only the first is selected."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlite_utils import Database

from edgecls.errors import BadImage
from edgecls.images.look_alikes import LookAlikes, difference_hash
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.harvest import GUESS, MARGIN, RANDOM, RankedSamples, Reason, SampleRequest
from edgecls.results.active_learning.images import Images


@dataclass(frozen=True, slots=True)
class FrameRow:
    """The row of a frame with its run and its model.

    Attributes:
        predicted: The label of the row.
        guess, margin: As in `Candidate`.
        model: The SHA-256 of the model file.
        config: The configuration of the run, JSON.
    """

    id: int
    source: str
    key: str
    path: str
    predicted: str
    score: float | None
    guess: str
    margin: float
    model: str
    config: str


@dataclass(frozen=True, slots=True)
class Pick:
    """A selected frame: its row, the reason for the selection, and its encoded image."""

    row: FrameRow
    reason: Reason
    image: bytes


@dataclass
class Picker:
    """Selects the frames of a `SampleRequest`.

    Attributes:
        missing: The paths of images that no longer exist, have another content, or do not decode.
        look_alikes: The number of rows that were skipped because their image resembles a selected one.
    """

    db: Database
    images: Images
    request: SampleRequest
    missing: list[str] = field(default_factory=list)
    look_alikes: int = 0
    _selected_images: LookAlikes = field(default_factory=LookAlikes)
    _considered_ids: set[int] = field(default_factory=set)
    _count_by_guess: Counter[str] = field(default_factory=Counter)

    def pick(self, ranked: RankedSamples) -> Iterator[Pick]:
        """Yield at most `budget` frames, the random sample first.

        The random sample keeps look-alikes: without them it would not represent all frames.
        """
        quotas: tuple[tuple[Iterable[tuple[int, Reason]], int], ...] = (
            (((row_id, RANDOM) for row_id in ranked.random), self.request.random_count),
            (((row_id, "rare label") for row_id in ranked.rare), self.request.rare_count),
            (
                ((each.id, "unknown" if each.label == UNKNOWN else "low margin") for each in ranked.unsure),
                self.request.budget,
            ),
        )
        count = 0
        for rows, quota in quotas:
            limit = min(count + quota, self.request.budget)
            for row_id, reason in rows:
                if count == limit:
                    break
                if pick := self._select(row_id, reason):
                    count += 1
                    yield pick

    def _select(self, row_id: int, reason: Reason) -> Pick | None:
        if row_id in self._considered_ids:
            return None
        row = self._read_row(row_id)
        if row is None or (reason != RANDOM and self._count_by_guess[row.guess] == self.request.per_label):
            return None
        self._considered_ids.add(row_id)
        image = self.images.find(row.path, row.key, row.config)
        image_hash = image and _hash_of(image[1])
        if image is None or image_hash is None:
            self.missing.append(row.path)
            return None
        if reason != RANDOM and self._selected_images.has(image_hash):
            self.look_alikes += 1
            return None
        self._selected_images.take(image_hash)
        self._count_by_guess[row.guess] += 1
        return Pick(row, reason, image[1])

    def _read_row(self, row_id: int) -> FrameRow | None:
        row = self.db.execute(_ROW, (row_id,)).fetchone()  # None if retention has removed it since the ranking
        return None if row is None else FrameRow(*row)


_ROW = f"""
    SELECT results.id, results.source, key, path, label, score, {GUESS}, {MARGIN}, sha256, config
    FROM results JOIN runs ON runs.id = run_id JOIN models ON models.id = model_id
    WHERE results.id = ? AND path IS NOT NULL AND label IS NOT NULL
"""  # noqa: S608 - constants


def _hash_of(image: bytes) -> int | None:
    """Return the difference hash of an encoded image; None if it does not decode."""
    from edgecls.images.preprocess import decode_reduced

    try:
        return difference_hash(decode_reduced(image))
    except BadImage:
        return None
