"""The records that pass between the packages. They have no behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # queries and `doctor` work without numpy
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = "unknown"
"""The label of a frame whose best score is under the threshold of its class."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One image as a source delivers it.

    `image` is the encoded file (bytes), or pixels: uint8 (height, width, 3), RGB. It is None if it could not be read;
    then `error` says why. `key` is unique within `source`, and the same for the same content. `captured_at` is aware,
    in UTC.
    """

    source: str
    key: str
    captured_at: datetime
    image: "bytes | NDArray[np.uint8] | None"
    path: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A label and its score: a probability, 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The result for one frame: a row of the results database.

    Either `label`, `score` and `top_k` (best first) are set, or `error` is. `label` may be `UNKNOWN` while `score`
    and `top_k` hold the model's answer. Times are aware, in UTC; durations are milliseconds. `votes` is the number of
    frames for each label if several frames voted; `saved_bytes` is the size of the file at `path` if edgecls saved it.
    """

    source: str
    key: str
    path: str | None
    captured_at: datetime
    classified_at: datetime
    label: str | None = None
    score: float | None = None
    top_k: tuple[Prediction, ...] = ()
    decode_ms: float | None = None
    infer_ms: float | None = None
    error: str | None = None
    votes: Mapping[str, int] | None = None
    saved_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SavedFrame:
    """A row of the results database whose frame was saved to a file.

    `row_id` grows with every row written; `classified_at` is the database's text: UTC, ISO 8601 with milliseconds.
    """

    row_id: int
    path: str
    label: str
    score: float
    classified_at: str
