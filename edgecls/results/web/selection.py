"""Which frames a page shows: what the address asks for, as SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from edgecls.database.timestamps import format_timestamp
from edgecls.errors import UsageError


@dataclass(frozen=True)
class Selection:
    """All frames that meet every condition given; `since` and `until` are local times, as a browser's form has them.

    `least` <= score <= `most`, 0 to 1; `errors`: only frames that could not be classified; `unreviewed`: only those of
    which nobody has said what they are.
    """

    label: str = ""
    least: float | None = None
    most: float | None = None
    since: str = ""
    until: str = ""
    errors: bool = False
    unreviewed: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Selection":
        """What the fields of a form ask for; others are passed over, and so are empty ones. Raises UsageError."""
        least, most = _score(fields.get("least"), "from"), _score(fields.get("most"), "to")
        if least is not None and most is not None and least > most:
            raise UsageError(f"no score is between {least:g} and {most:g}: swap them")
        since, until = fields.get("since") or "", fields.get("until") or ""
        if since and until and _time(since) >= _time(until):
            raise UsageError(f"{since} is not before {until}: swap them")
        return cls(
            fields.get("label") or "",
            least,
            most,
            since,
            until,
            errors=bool(fields.get("errors")),
            unreviewed=bool(fields.get("unreviewed")),
        )

    def query(self, **others: Any) -> str:
        """As the query of an address, with `others`; what is not asked for is left out."""
        asked = {"label": self.label, "least": self.least, "most": self.most, "since": self.since, "until": self.until}
        flags = {"errors": self.errors and 1, "unreviewed": self.unreviewed and 1}
        given = {**asked, **flags, **others}
        return urlencode({name: value for name, value in given.items() if value not in {None, "", False}})

    def conditions(self, *, has_reviews: bool) -> tuple[list[str], dict[str, Any]]:
        """Of a query on `results`, and the values of their parameters. Raises UsageError for what is no time."""
        found: list[str] = []
        values: dict[str, Any] = {"label": self.label, "least": self.least, "most": self.most}
        if self.label:
            found.append("label = :label")
        if self.least is not None:
            found.append("score >= :least")
        if self.most is not None:
            found.append("score <= :most")
        for name, sign, text in (("since", ">=", self.since), ("until", "<", self.until)):
            if text:
                found.append(f"classified_at {sign} :{name}")
                values[name] = format_timestamp(_time(text))
        if self.errors:
            found.append("error IS NOT NULL")
        if self.unreviewed and has_reviews:
            found.append(UNREVIEWED)
        return found, values


UNREVIEWED = "NOT EXISTS (SELECT 1 FROM reviews WHERE (reviews.source, reviews.key) = (results.source, results.key))"


def _score(text: str | None, which: str) -> float | None:
    if not text:
        return None
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise UsageError(f"the score {which} {text} is none: give a number from 0 to 1")
    return score


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text} is not a time: give one such as 2026-11-24T18:30") from error
