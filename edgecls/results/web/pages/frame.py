"""One frame: its picture, the scores of its labels, and its origin."""

import asyncio
import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasette.utils.asgi import NotFound, Request, Response
from sqlite_utils import Database

from edgecls.results.queries.frame_details import read_frame
from edgecls.results.queries.rows import Row, find_rows
from edgecls.results.web import pictures
from edgecls.results.web.filter_form import FilterForm, query_fields
from edgecls.results.web.pages.gallery import position_of
from edgecls.results.web.site import Site

_MISSING = Path(__file__).parents[1] / "static" / "missing.svg"

EDGES = {"thumbnail": 360, "picture": 1600}
"""The longer side in pixels."""


async def frame_page(datasette: Site, request: Request) -> Response:
    """`/frame/ID`; with the filters of a gallery, previous and next are those of that gallery."""
    row_id = int(request.url_vars["id"])
    page = await datasette.results.read(lambda db: _read_page(db, row_id, query_fields(request)))
    page["missing"] = await reason_missing(datasette, page["row"])
    return Response.html(await datasette.render_template("edgecls/frame.html", page, request=request))


def _read_page(db: Database, row_id: int, fields: Mapping[str, str]) -> dict[str, Any]:
    row = _existing(db, row_id)
    form = FilterForm.parse(fields)
    filters, position = replace(form.filters(), limit=1), position_of(row)
    return {
        "here": "gallery",
        "row": row,
        "query": form.query(),
        "newer": next(find_rows(db, filters, "oldest", columns=("id",), after=position), None),
        "older": next(find_rows(db, filters, "newest", columns=("id",), after=position), None),
    }


async def send_picture(datasette: Site, request: Request) -> Response:
    """`/picture/ID.jpg` and `/thumbnail/ID.jpg`."""
    row_id, edge = int(request.url_vars["id"]), EDGES[request.url_vars["kind"]]
    row = await datasette.results.read(lambda db: _existing(db, row_id))
    try:
        async with datasette.decoding:
            data = await asyncio.to_thread(pictures.jpeg, row, datasette.path, edge)
    except pictures.NoPicture:
        # Browsers show the picture of a response with an error status, too.
        return Response(_MISSING.read_text("utf-8"), status=404, content_type="image/svg+xml")
    return Response(data, content_type="image/jpeg")


async def reason_missing(site: Site, row: Row) -> str | None:
    """Return why the picture of this row cannot be shown; None if it can. Where the row has an error, it is decoded."""
    attempt = functools.partial(pictures.jpeg, edge=EDGES["thumbnail"]) if row["error"] else pictures.read
    try:
        async with site.decoding:
            await asyncio.to_thread(attempt, row, site.path)
    except pictures.NoPicture as error:
        return str(error)
    return None


def _existing(db: Database, row_id: int) -> Row:
    row = read_frame(db, row_id)
    if row is None:
        raise NotFound(f"There is no row {row_id}.")
    return row
