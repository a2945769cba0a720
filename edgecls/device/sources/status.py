"""How a source is: for the status, and for `edgecls run --check`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What a source says of itself. Counts are since it was opened.

    `lost` is the reason why nothing can come, and `since` when; None if all is well. `dropped` frames were overtaken by
    newer ones, `still` ones were held back by the motion gate, `damaged` ones could not be decoded.
    """

    lost: str | None = None
    since: datetime | None = None
    dropped: int = 0
    still: int = 0
    damaged: int = 0
