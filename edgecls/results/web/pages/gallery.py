"""The gallery: frames as thumbnails, with filters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from datasette.utils.asgi import Request, Response
from sqlite_utils import Database

from edgecls.model.labels import find_label
from edgecls.results.queries.counts import count_by_label
from edgecls.results.queries.filters import NO_FILTERS
from edgecls.results.queries.frame_details import add_reviews
from edgecls.results.queries.rows import Position, Row, find_rows
from edgecls.results.web.filter_form import FilterForm, query_fields
from edgecls.results.web.site import Site

FRAMES_A_PAGE = 48
"""Fills rows of 2, 3, 4, 6 and 8."""


async def gallery_page(datasette: Site, request: Request) -> Response:
    """`/gallery`; `before` or `after` a position, for paging."""
    fields = query_fields(request)
    form = FilterForm.parse(fields)
    page = await datasette.results.read(lambda db: _read_page(db, form, fields))
    return Response.html(await datasette.render_template("edgecls/gallery.html", page, request=request))


def _read_page(db: Database, form: FilterForm, fields: Mapping[str, str]) -> dict[str, Any]:
    form, labels = with_label_choices(db, form)
    before, after = parse_position(fields.get("before")), parse_position(fields.get("after"))
    forward = after is not None and before is None
    filters = replace(form.filters(), limit=FRAMES_A_PAGE + 1)
    frames = list(find_rows(db, filters, "oldest" if forward else "newest", after=after if forward else before))
    has_more = len(frames) > FRAMES_A_PAGE
    frames = frames[:FRAMES_A_PAGE][::-1] if forward else frames[:FRAMES_A_PAGE]
    newer = (has_more if forward else before is not None) and bool(frames)
    older = (True if forward else has_more) and bool(frames)
    return {
        "here": "gallery",
        "form": form,
        "labels": labels,
        "frames": add_reviews(db, frames),
        "query": form.query(),
        "newer": newer and form.query(after=format_position(frames[0])),
        "older": older and form.query(before=format_position(frames[-1])),
    }


def with_label_choices(db: Database, form: FilterForm) -> tuple[FilterForm, list[tuple[str, int]]]:
    """Return (`form` with its label spelled as in the database, the labels to choose from with their counts)."""
    counts = count_by_label(db, NO_FILTERS)
    del counts[""]
    if form.label and form.label not in counts:
        form = replace(form, label=find_label(form.label, counts) or form.label)
        counts[form.label] += 0
    return form, sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def position_of(row: Row) -> Position:
    """Return the position of a row in the order of time."""
    return Position(row["classified_at"], row["id"])


def format_position(row: Row) -> str:
    """Return the position of a row as a field of an address."""
    return f"{row['classified_at']},{row['id']}"


def parse_position(text: str | None) -> Position | None:
    """Return the position that `format_position` wrote; None for anything else."""
    at, _, number = (text or "").rpartition(",")
    return Position(at, int(number)) if at and number.isdecimal() and len(number) < 19 else None
