"""From rows in order to pictures: those whose image is still there, and of those that look alike the first."""

import json
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
class Row:
    """What the database says of a frame. `guess` is the label unless that is `unknown`; `margin` by how much it led."""

    id: int
    source: str
    key: str
    path: str
    predicted: str
    score: float | None
    guess: str
    margin: float
    model: str
    """The SHA-256 of its file."""
    config: str


@dataclass(frozen=True, slots=True)
class Pick:
    """A frame to be labelled: its row, why it was picked, and its encoded image."""

    row: Row
    reason: Reason
    image: bytes


@dataclass
class Picker:
    """Picks what `request` asks for.

    `missing` are the paths of images that are gone, are others by now, or do not decode; `alike` counts the rows whose
    picture looks like one that was picked.
    """

    db: Database
    images: Images
    request: SampleRequest
    missing: list[str] = field(default_factory=list)
    alike: int = 0
    _seen: LookAlikes = field(default_factory=LookAlikes)
    _asked: set[int] = field(default_factory=set)
    _of_label: Counter[str] = field(default_factory=Counter)

    def pick(self, order: RankedSamples) -> Iterator[Pick]:
        """At most the budget. What chance draws comes first, and as it comes: look-alikes belong to the picture."""
        stages: tuple[tuple[Iterable[tuple[int, Reason]], int], ...] = (
            (((row_id, RANDOM) for row_id in order.random), self.request.by_chance),
            (((row_id, "rare label") for row_id in order.rare), self.request.rare),
            (
                ((each.id, "unknown" if each.label == UNKNOWN else "low margin") for each in order.unsure),
                self.request.budget,
            ),
        )
        taken = 0
        for rows, most in stages:
            limit = min(taken + most, self.request.budget)
            for row_id, reason in rows:
                if taken == limit:
                    break
                if pick := self._take(row_id, reason):
                    taken += 1
                    yield pick

    def _take(self, row_id: int, reason: Reason) -> Pick | None:
        if row_id in self._asked:
            return None
        row = self._row(row_id)
        if row is None or (reason != RANDOM and self._of_label[row.guess] == self.request.per_label):
            return None
        self._asked.add(row_id)
        image = self.images.find(row.path, row.key, row.config)
        look = image and _look(image[1])
        if image is None or look is None:
            self.missing.append(row.path)
            return None
        if reason != RANDOM and self._seen.has(look):
            self.alike += 1
            return None
        self._seen.take(look)
        self._of_label[row.guess] += 1
        return Pick(row, reason, image[1])

    def _row(self, row_id: int) -> Row | None:
        found = self.db.execute(_ROW, (row_id,)).fetchone()  # retention may have removed it meanwhile
        return None if found is None else Row(*found)


_ROW = f"""
    SELECT results.id, results.source, key, path, label, score, {GUESS}, {MARGIN}, sha256, config
    FROM results JOIN runs ON runs.id = run_id JOIN models ON models.id = model_id
    WHERE results.id = ? AND path IS NOT NULL AND label IS NOT NULL
"""  # noqa: S608 - constants


def labels_of_models(db: Database) -> list[str]:
    """All labels of all models, sorted."""
    return sorted({str(label) for (labels,) in db.execute("SELECT labels FROM models") for label in json.loads(labels)})


def _look(image: bytes) -> int | None:
    """None where it does not decode."""
    from edgecls.images.preprocess import decode_reduced

    try:
        return difference_hash(decode_reduced(image))
    except BadImage:
        return None
