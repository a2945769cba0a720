"""What Datasette asks a plugin: our addresses, our templates' words, our headers, our way of saying what went wrong."""

import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasette.app
from datasette import Forbidden, hookimpl
from datasette.utils.asgi import Base400, Request, Response
from datasette.views.base import DatasetteError
from jinja2 import Environment
from markupsafe import Markup, escape

from edgecls.errors import EdgeclsError, Unavailable
from edgecls.results.web import words
from edgecls.results.web.frames import picture_url
from edgecls.results.web.guard import Application, Guard
from edgecls.results.web.metadata import DATABASE
from edgecls.results.web.nonce import Nonce, hashes_of_made_styles
from edgecls.results.web.pages.frame import frame, picture
from edgecls.results.web.pages.gallery import gallery
from edgecls.results.web.pages.review import review
from edgecls.results.web.pages.start import start

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

log = logging.getLogger(__name__)

STYLESHEETS = ("/-/edgecls/datasette.css",)
REVIEW = "/review"


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    """Our pages; all else is Datasette's."""
    return [
        (r"^/$", start),
        (r"^/gallery$", gallery),
        (r"^/frame/(?P<id>\d+)$", frame),
        (r"^/(?P<kind>picture|thumbnail)/(?P<id>\d+)\.jpg$", picture),
        (rf"^{REVIEW}$", review),
    ]


@hookimpl
def asgi_wrapper(datasette: "Site") -> Any:
    """The outermost of all."""

    def wrapped(app: Application) -> Guard:
        return Guard(
            app,
            names=datasette.names,
            origins=datasette.origins,
            base_url=datasette.base_url,
            writable=frozenset({REVIEW} if datasette.reviewing else ()),
            styles=hashes_of_made_styles(_STATIC),
        )

    return wrapped


_STATIC = Path(datasette.app.__file__).parent / "static"


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: "Site") -> None:
    """Nonces for all templates, and the words of ours."""
    env.add_extension(Nonce)
    env.globals["picture_url"] = functools.partial(picture_url, datasette)
    env.globals["zone"] = words.zone
    for word in (words.when, words.short, words.ago, words.number, words.percent, words.file_name):
        env.filters[word.__name__] = word


@hookimpl
def extra_template_vars(datasette: "Site", request: Request | None) -> dict[str, Any]:
    """For all templates."""
    return {
        "csp_nonce": request.scope.get("csp_nonce", "") if request else "",
        "site": datasette,
        "tables_url": datasette.urls.path(f"/{DATABASE}"),
    }


@hookimpl
def extra_css_urls(template: str) -> list[str]:
    """Datasette's own pages look a little more like ours."""
    return [] if template.startswith("edgecls/") else list(STYLESHEETS)


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, datasette: "Site") -> Markup | None:
    """Of a result, the path leads to its picture, and the best labels are one line."""
    if table != "results" or not value:
        return None
    if column == "path":
        return Markup('<a href="{}">{}</a>').format(datasette.urls.path(f"/frame/{row['id']}"), value)
    return escape(words.guesses(value)) if column == "top_k" else None


@hookimpl
def handle_exception(datasette: "Site", request: Request, exception: Exception) -> Any:
    """A page that says what is wrong; a bug is logged."""

    async def answer() -> Response:
        status, message = _explained(exception)
        if status == 500:
            shown = exception if os.environ.get("EDGECLS_DEBUG") else None
            log.error(
                "a bug in edgecls, at %s (%s: %s)", request.path, type(exception).__name__, exception, exc_info=shown
            )
        headers = {"retry-after": "5"} if status == 503 else {}
        if request.path.split("?")[0].endswith(".json"):
            return Response.json({"ok": False, "error": message, "status": status}, status=status, headers=headers)
        page = {"here": "", "status": status, "message": message}
        body = await datasette.render_template("edgecls/message.html", page, request=request)
        return Response.html(body, status=status, headers=headers)

    return answer


def _explained(exception: Exception) -> tuple[int, str]:
    """Status and message."""
    if isinstance(exception, Unavailable):
        return 503, str(exception)
    if isinstance(exception, EdgeclsError):
        return {2: 400, 66: 404}.get(exception.exit_code, 500), str(exception)
    if (
        isinstance(exception, datasette.database.QueryInterrupted)
        or getattr(exception, "title", "") == "SQL Interrupted"
    ):
        return 400, "This took too long, and was ended: ask for less, such as one label or a shorter time."
    if isinstance(exception, (Base400, DatasetteError)):
        said = exception.args[0] if exception.args else getattr(exception, "message", "")
        return exception.status, str(said or "Not found")
    if isinstance(exception, Forbidden):
        return 403, "This is not allowed."
    return 500, f"A bug in edgecls ({type(exception).__name__}): its log says more."
