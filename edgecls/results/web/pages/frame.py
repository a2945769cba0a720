"""One frame: its picture, what the model thought, and where it came from."""

import asyncio
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import NotFound, Request, Response

from edgecls.results.web import pictures
from edgecls.results.web.frames import Place, Row, select, whole
from edgecls.results.web.pages.gallery import fields
from edgecls.results.web.selection import Selection

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

_MISSING = Path(__file__).parents[1] / "static" / "missing.svg"

EDGES = {"thumbnail": 360, "picture": 1600}
"""Pixels of the longer side."""


async def frame(datasette: "Site", request: Request) -> Response:
    """`/frame/ID`; with a gallery's filters, previous and next are those of that gallery."""
    row = await _row(datasette, request)
    which = Selection.of(fields(request))
    page = {
        "here": "gallery",
        "row": row,
        "missing": await missing(datasette, row),
        "query": which.query(),
        "newer": await select(datasette, which, 1, after=Place.of(row)),
        "older": await select(datasette, which, 1, before=Place.of(row)),
    }
    return Response.html(await datasette.render_template("edgecls/frame.html", page, request=request))


async def picture(datasette: "Site", request: Request) -> Response:
    """`/picture/ID.jpg` and `/thumbnail/ID.jpg`."""
    row = await _row(datasette, request)
    try:
        data = await _jpeg(datasette, row, EDGES[request.url_vars["kind"]])
    except pictures.NoPicture:
        # Browsers show the picture of an answer that is none, too.
        return Response(_MISSING.read_text("utf-8"), status=404, content_type="image/svg+xml")
    return Response(data, content_type="image/jpeg")


async def missing(site: "Site", row: Row) -> str | None:
    """Why there is no picture to show of this row; None if there is one. Where it went wrong before, it is decoded."""
    look = functools.partial(pictures.jpeg, edge=EDGES["thumbnail"]) if row["error"] else pictures.read
    try:
        async with site.decoding:
            await asyncio.to_thread(look, row, site.path)
    except pictures.NoPicture as error:
        return str(error)
    return None


async def _jpeg(site: "Site", row: dict[str, Any], edge: int) -> bytes:
    async with site.decoding:
        return await asyncio.to_thread(pictures.jpeg, row, site.path, edge)


async def _row(site: "Site", request: Request) -> Row:
    row = await whole(site, int(request.url_vars["id"]))
    if row is None:
        raise NotFound(f"There is no row {request.url_vars['id']}.")
    return row
