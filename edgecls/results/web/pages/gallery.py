"""The gallery: frames as pictures, filtered."""

from typing import TYPE_CHECKING

from datasette.utils.asgi import Request, Response

from edgecls.results.web import figures
from edgecls.results.web.frames import Place, select
from edgecls.results.web.selection import Selection

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

PAGE = 48
"""Frames a page: rows of 2, 3, 4, 6 and 8 come out even."""


async def gallery(datasette: "Site", request: Request) -> Response:
    """`/gallery`; `before` or `after` a place, which is how it is paged."""
    which, labels = await figures.choices(datasette, Selection.of(fields(request)))
    before, after = Place.read(request.args.get("before")), Place.read(request.args.get("after"))
    frames = await select(datasette, which, PAGE + 1, before=before, after=after)
    has_more = len(frames) > PAGE
    forward = after is not None and before is None
    frames = frames[-PAGE:] if forward else frames[:PAGE]
    newer = (has_more if forward else before is not None) and bool(frames)
    older = (True if forward else has_more) and bool(frames)
    page = {
        "here": "gallery",
        "which": which,
        "labels": labels,
        "frames": frames,
        "query": which.query(),
        "newer": newer and which.query(after=Place.of(frames[0])),
        "older": older and which.query(before=Place.of(frames[-1])),
    }
    return Response.html(await datasette.render_template("edgecls/gallery.html", page, request=request))


def fields(request: Request) -> dict[str, str]:
    """The query of the address; of what is there twice, the first."""
    return {name: request.args.get(name) for name in request.args}
