"""The hooks through which Datasette gets the addresses, template filters, headers and error pages of edgecls."""

import logging
import os
from pathlib import Path
from typing import Any

import datasette.app
from datasette import Forbidden, hookimpl
from datasette.plugins import pm
from datasette.utils.asgi import Base400, Request, Response
from datasette.views.base import DatasetteError
from jinja2 import Environment
from markupsafe import Markup, escape

from edgecls.errors import EdgeclsError, QueryTimeout, Unavailable
from edgecls.results.web import template_filters
from edgecls.results.web.guard import Application, Guard
from edgecls.results.web.metadata import DATABASE
from edgecls.results.web.nonce import Nonce, script_style_hashes
from edgecls.results.web.pages.frame import frame_page, send_picture
from edgecls.results.web.pages.gallery import gallery_page
from edgecls.results.web.pages.review import review_page
from edgecls.results.web.pages.start import start_page
from edgecls.results.web.pictures import picture_address
from edgecls.results.web.site import Site

log = logging.getLogger(__name__)

STYLESHEETS = ("/-/edgecls/datasette.css",)
REVIEW = "/review"
_STATIC = Path(datasette.app.__file__).parent / "static"


def create_site(path: Path, **options: Any) -> Site:
    """Return the site over the database at `path`; `options` are those of Site.

    Other plugins are switched off, since they may write or fetch from the network, and so is Datasette's own handler
    of errors, which prints them.
    """
    for installed, _ in pm.list_plugin_distinfo():
        pm.unregister(installed)
    if pm.has_plugin("datasette.handle_exception"):
        pm.unregister(name="datasette.handle_exception")
    if not pm.has_plugin(__name__):
        pm.register(_this_module(), __name__)
    return Site(path, **options)


def _this_module() -> Any:
    import sys

    return sys.modules[__name__]


@hookimpl
def register_routes() -> list[tuple[str, Any]]:
    """Return the pages of edgecls; all other addresses are Datasette's."""
    return [
        (r"^/$", start_page),
        (r"^/gallery$", gallery_page),
        (r"^/frame/(?P<id>\d+)$", frame_page),
        (r"^/(?P<kind>picture|thumbnail)/(?P<id>\d+)\.jpg$", send_picture),
        (rf"^{REVIEW}$", review_page),
    ]


@hookimpl
def asgi_wrapper(datasette: Site) -> Any:
    """Return the outermost application, which checks every request."""

    def wrapped(app: Application) -> Guard:
        return Guard(
            app,
            names=datasette.names,
            origins=datasette.origins,
            base_url=datasette.base_url,
            writable=frozenset({REVIEW} if datasette.reviewing else ()),
            styles=script_style_hashes(_STATIC),
        )

    return wrapped


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: Site) -> None:
    """Add nonces to all templates, and the functions and filters of ours."""

    def picture_url(row: Any, kind: str = "picture") -> str | None:
        address = picture_address(row, kind)
        return address and str(datasette.urls.path(address))

    env.add_extension(Nonce)
    env.globals["picture_url"] = picture_url
    env.globals["zone"] = template_filters.zone
    for name in ("when", "short", "ago", "number", "percent", "basename", "best_guess"):
        env.filters[name] = getattr(template_filters, name)


@hookimpl
def extra_template_vars(datasette: Site, request: Request | None) -> dict[str, Any]:
    """Return the variables of all templates."""
    return {
        "csp_nonce": request.scope.get("csp_nonce", "") if request else "",
        "site": datasette,
        "tables_url": datasette.urls.path(f"/{DATABASE}"),
    }


@hookimpl
def extra_css_urls(template: str) -> list[str]:
    """Return the style sheet that makes Datasette's own pages look like ours."""
    return [] if template.startswith("edgecls/") else list(STYLESHEETS)


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, datasette: Site) -> Markup | None:
    """Link the path of a result to its page, and show `top_k` as one line."""
    if table != "results" or not value:
        return None
    if column == "path":
        return Markup('<a href="{}">{}</a>').format(datasette.urls.path(f"/frame/{row['id']}"), value)
    return escape(template_filters.format_top_k(value)) if column == "top_k" else None


@hookimpl
def handle_exception(datasette: Site, request: Request, exception: Exception) -> Any:
    """Return a page that says what is wrong; a bug is logged."""

    async def answer() -> Response:
        status, message = _status_and_message(exception)
        if status == 500:
            shown = exception if os.environ.get("EDGECLS_DEBUG") else None
            log.error(
                "bug in edgecls at %s (%s: %s)", request.path, type(exception).__name__, exception, exc_info=shown
            )
        headers = {"retry-after": "5"} if status == 503 else {}
        if request.path.split("?")[0].endswith(".json"):
            return Response.json({"ok": False, "error": message, "status": status}, status=status, headers=headers)
        page = {"here": "", "status": status, "message": message}
        body = await datasette.render_template("edgecls/message.html", page, request=request)
        return Response.html(body, status=status, headers=headers)

    return answer


def _status_and_message(exception: Exception) -> tuple[int, str]:
    title = getattr(exception, "title", "")
    if isinstance(exception, (QueryTimeout, datasette.database.QueryInterrupted)) or title == "SQL Interrupted":
        return (
            400,
            "The query took too long and was stopped. Narrow it down, for example to one label or a shorter time.",
        )
    if isinstance(exception, Unavailable):
        return 503, str(exception)
    if isinstance(exception, EdgeclsError):
        return {2: 400, 66: 404}.get(exception.exit_code, 500), str(exception)
    if isinstance(exception, (Base400, DatasetteError)):
        message = exception.args[0] if exception.args else getattr(exception, "message", "")
        return exception.status, str(message or "Not found")
    if isinstance(exception, Forbidden):
        return 403, "This is not allowed."
    return 500, f"A bug in edgecls ({type(exception).__name__}): see its log."
