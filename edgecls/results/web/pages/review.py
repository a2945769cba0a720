"""Reviewing: a picture, and one key for what it is. What the model said stays as it is."""

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import NotFound, Request, Response

from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.model.labels import class_key, clean_label
from edgecls.results.active_learning.reviews import Reviews, known_labels
from edgecls.results.web import figures, queue
from edgecls.results.web.frames import picture_url, whole
from edgecls.results.web.pages.frame import missing
from edgecls.results.web.pages.gallery import fields
from edgecls.results.web.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from edgecls.results.web.site import Site

UNDONE_AT_MOST = 20
"""Reviews that can be taken back one after the other."""


async def review(datasette: "Site", request: Request) -> Response:
    """`/review`: GET shows the next frame, POST says what one is, or takes the last word back; and then the next."""
    if not datasette.reviewing:
        raise NotFound("Reviewing is not switched on: start `edgecls review` instead of `edgecls serve`.")
    state = fields(request)
    which = Selection.of(state)
    if request.method == "POST":
        query = await _said(datasette, which, state, await request.post_vars())
        return Response.redirect(datasette.urls.path(f"/review?{query}"), 303)
    which, labels = await figures.choices(datasette, which)
    page = {"here": "review", "which": which, "labels": labels, **await _page(datasette, which, state)}
    return Response.html(await datasette.render_template("edgecls/review.html", page, request=request))


async def _page(site: "Site", which: Selection, state: dict[str, str]) -> dict[str, Any]:
    skipped = await _row_of(site, state.get("skip"))
    upcoming = await queue.next_frames(site, which, skipped)
    row = await _row_of(site, state.get("id"))
    if row is None and upcoming.frame is not None:
        row = await whole(site, upcoming.frame)
    said = await queue.said_so_far(site)
    done = _done(state)
    page = {
        "skipped": skipped,
        "last": await _row_of(site, str(done[-1])) if done else None,
        "was": state.get("was", ""),
    }
    here = which.query(skip=state.get("skip"), done=_list(done), was=state.get("was"))
    if row is None:
        return {**page, "row": None, "here_query": here, "query": which.query()}
    then = upcoming.then if row["id"] == upcoming.frame else upcoming.frame
    following = None if then is None else await whole(site, then)
    return {
        **page,
        "row": row,
        "left": upcoming.left,
        "missing": await missing(site, row),
        "new_label": state.get("new"),
        "keys": queue.keys(row, said),
        "guess": queue.guess(row),
        "known": sorted({*(row["labels"] or []), *said}),
        "here_query": here,
        "query": which.query(),
        "skip_query": which.query(skip=row["id"], done=_list(done), was=state.get("was")),
        "preload": following and picture_url(site, following),
    }


async def _said(site: "Site", which: Selection, state: dict[str, str], form: dict[str, str]) -> str:
    """Write what the form says; returns the query of the page to go on with."""
    done, was = _done(state), state.get("was")
    if form.get("undo"):
        if not done:
            return which.query(skip=state.get("skip"))
        await asyncio.to_thread(_write, site.path, done[-1], was)
        return which.query(skip=state.get("skip"), done=_list(done[:-1]), id=done[-1])
    row_id = _number(form.get("id"))
    if row_id is None:
        raise UsageError("the form names no row: go back, and reload the page")
    label, is_new = clean_label(form.get("label", "")), bool(form.get("new"))
    if label and not is_new and not await asyncio.to_thread(_is_known, site.path, label):
        return which.query(skip=state.get("skip"), done=_list(done), was=was, id=row_id, new=label)
    before = await asyncio.to_thread(_write, site.path, row_id, label)
    # What was said before can be had back once: nothing earlier is kept beside it.
    done = [row_id] if before else [*done, row_id][-UNDONE_AT_MOST:]
    return which.query(skip=state.get("skip"), done=_list(done), was=before)


def _is_known(path: "Path", label: str) -> bool:
    """Return whether a model or a review of the database has this label; a new one may be a slip of the hand."""
    with closing(open_results(path)) as db:
        return class_key(label) in map(class_key, known_labels(db))


def _write(path: "Path", row_id: int, label: str | None) -> str | None:
    """Put this review, or withdraw it where there is no label (None); returns what was said before."""
    with Reviews(path) as reviews:
        return reviews.withdraw(row_id) if label is None else reviews.put(row_id, label)


def _done(state: dict[str, str]) -> list[int]:
    numbers = map(_number, state.get("done", "").split(","))
    return [number for number in numbers if number is not None]


def _list(done: list[int]) -> str:
    return ",".join(map(str, done))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


async def _row_of(site: "Site", text: str | None) -> dict[str, Any] | None:
    number = _number(text)
    return None if number is None else await whole(site, number)
