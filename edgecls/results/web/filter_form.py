"""The filter form of the gallery and the review page: between the address of a page and Filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from datasette.utils.asgi import Request

from edgecls.errors import UsageError
from edgecls.results.queries.filters import Filters


@dataclass(frozen=True)
class FilterForm:
    """The fields of the form. `since` and `until` are local times, as browsers write them; '' and None are not set."""

    label: str = ""
    min_score: float | None = None
    max_score: float | None = None
    since: str = ""
    until: str = ""
    errors: bool = False
    unreviewed: bool = False

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "FilterForm":
        """Return the form with these fields; others are ignored. Raises UsageError."""
        low, high = _parse_score(fields, "min_score"), _parse_score(fields, "max_score")
        if low is not None and high is not None and low > high:
            raise UsageError(f"the lowest score {low:g} is above the highest {high:g}: swap them")
        since, until = fields.get("since") or "", fields.get("until") or ""
        if since and until and _parse_time(since) >= _parse_time(until):
            raise UsageError(f"{since} is not before {until}: swap them")
        label, errors, unreviewed = (fields.get(name) or "" for name in ("label", "errors", "unreviewed"))
        return cls(label, low, high, since, until, errors=bool(errors), unreviewed=bool(unreviewed))

    def query(self, **others: Any) -> str:
        """Return the query string of an address with this form and `others`, without what is not set."""
        fields = {"label": self.label, "min_score": self.min_score, "max_score": self.max_score, "since": self.since,
                  "until": self.until, "errors": self.errors and 1, "unreviewed": self.unreviewed and 1, **others}  # fmt: skip
        return urlencode({name: value for name, value in fields.items() if value not in {None, "", False}})

    def filters(self) -> Filters:
        """Return the filters that the form sets. Raises UsageError for what is not a time."""
        return Filters(
            labels=(self.label,) if self.label else (),
            since=_parse_time(self.since) if self.since else None,
            until=_parse_time(self.until) if self.until else None,
            min_score=self.min_score,
            max_score=self.max_score,
            errors=self.errors,
            unreviewed=self.unreviewed,
        )


def query_fields(request: Request) -> dict[str, str]:
    """Return the fields in the query string of an address; of a repeated one, the first."""
    return {name: request.args.get(name) for name in request.args}


def _parse_score(fields: Mapping[str, Any], name: str) -> float | None:
    text = fields.get(name)
    if not text:
        return None
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise UsageError(f"invalid score {text}: enter a number from 0 to 1")
    return score


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"invalid time {text}: enter one such as 2026-11-24T18:30") from error
