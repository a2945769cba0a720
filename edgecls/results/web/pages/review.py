"""Reviewing: a picture, and one key for its label. The prediction of the model stays as it is."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from datasette.utils.asgi import NotFound, Request, Response
from sqlite_utils import Database

from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.model.labels import class_key, clean_label
from edgecls.results.active_learning.reviews import Reviews, known_labels
from edgecls.results.queries.frame_details import read_frame
from edgecls.results.queries.rows import Row
from edgecls.results.web.filter_form import FilterForm, query_fields
from edgecls.results.web.pages.frame import reason_missing
from edgecls.results.web.pages.gallery import with_label_choices
from edgecls.results.web.pages.review_queue import label_keys, next_frames, used_labels
from edgecls.results.web.pictures import picture_address
from edgecls.results.web.site import Site
from edgecls.results.web.template_filters import best_guess

MAX_UNDO = 20
"""Reviews that can be undone one after the other."""


async def review_page(datasette: Site, request: Request) -> Response:
    """`/review`: GET shows the next frame; POST stores or undoes a review, and redirects to the next frame."""
    if not datasette.reviewing:
        raise NotFound("Reviewing is off: start `edgecls review` instead of `edgecls serve`.")
    fields = query_fields(request)
    form = FilterForm.parse(fields)
    if request.method == "POST":
        query = await _store(datasette, form, fields, await request.post_vars())
        return Response.redirect(datasette.urls.path(f"/review?{query}"), 303)
    page = await datasette.results.read(lambda db: _read_page(db, form, fields))
    if page["row"] is not None:
        page["missing"] = await reason_missing(datasette, page["row"])
        address = page["following"] and picture_address(page["following"])
        page["preload"] = address and datasette.urls.path(address)
    return Response.html(await datasette.render_template("edgecls/review.html", page, request=request))


def _read_page(db: Database, form: FilterForm, fields: Mapping[str, str]) -> dict[str, Any]:
    form, labels = with_label_choices(db, form)
    skipped = _read_row(db, fields.get("skip"))
    queue = next_frames(db, form.filters(), skipped)
    row = _read_row(db, fields.get("id"))
    if row is None and queue.next_id is not None:
        row = read_frame(db, queue.next_id)
    done = _parse_ids(fields.get("done"))
    state = {"done": _join(done), "was": fields.get("was")}
    page = {
        "here": "review",
        "form": form,
        "labels": labels,
        "row": row,
        "skipped": skipped,
        "last": read_frame(db, done[-1]) if done else None,
        "here_query": form.query(skip=fields.get("skip"), **state),
        "query": form.query(),
    }
    if row is None:
        return page
    used = used_labels(db)
    following = queue.following_id if row["id"] == queue.next_id else queue.next_id
    return {
        **page,
        "left": queue.left,
        "new_label": fields.get("new"),
        "keys": label_keys(row, used),
        "guess": best_guess(row),
        "known": sorted({*(row["labels"] or []), *used}),
        "skip_query": form.query(skip=row["id"], **state),
        "following": None if following is None else read_frame(db, following),
    }


async def _store(site: Site, form: FilterForm, fields: Mapping[str, str], posted: Mapping[str, str]) -> str:
    """Store or undo the review that was posted; return the query string of the next page."""
    done, was, skip = _parse_ids(fields.get("done")), fields.get("was"), fields.get("skip")
    if posted.get("undo"):
        if not done:
            return form.query(skip=skip)
        await asyncio.to_thread(_write, site.path, done[-1], was)
        return form.query(skip=skip, done=_join(done[:-1]), id=done[-1])
    row_id = _parse_id(posted.get("id"))
    if row_id is None:
        raise UsageError("the form names no row: go back and reload the page")
    label, is_new = clean_label(posted.get("label", "")), bool(posted.get("new"))
    if label and not is_new and not await asyncio.to_thread(_is_known, site.path, label):
        return form.query(skip=skip, done=_join(done), was=was, id=row_id, new=label)
    previous = await asyncio.to_thread(_write, site.path, row_id, label)
    # A replaced review can be restored once: nothing older is kept with it.
    done = [row_id] if previous else [*done, row_id][-MAX_UNDO:]
    return form.query(skip=skip, done=_join(done), was=previous)


def _is_known(path: Path, label: str) -> bool:
    """Return whether a model or a review of the database has this label; a new one may be a typing error."""
    with closing(open_results(path)) as db:
        return class_key(label) in map(class_key, known_labels(db))


def _write(path: Path, row_id: int, label: str | None) -> str | None:
    """Store this review, or withdraw it if the label is None; return the previous label."""
    with Reviews(path) as reviews:
        return reviews.withdraw(row_id) if label is None else reviews.put(row_id, label)


def _read_row(db: Database, text: str | None) -> Row | None:
    row_id = _parse_id(text)
    return None if row_id is None else read_frame(db, row_id)


def _parse_ids(text: str | None) -> list[int]:
    numbers = map(_parse_id, (text or "").split(","))
    return [number for number in numbers if number is not None]


def _join(ids: list[int]) -> str:
    return ",".join(map(str, ids))


def _parse_id(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None
