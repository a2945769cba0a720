"""The site: Datasette over the results database, with our pages, and nothing that anyone else plugged in."""

import asyncio
from pathlib import Path

from datasette.app import Datasette
from datasette.plugins import pm

from edgecls.results.web import plugin
from edgecls.results.web.database import ResultsDatabase
from edgecls.results.web.guard import LOOPBACK_NAMES
from edgecls.results.web.metadata import DATABASE, METADATA

SQL_TIME_LIMIT_MS = 2000
PICTURES_AT_ONCE = 2
"""Decoding takes a core, and memory for each pixel."""

_HERE = Path(__file__).parent
_SETTINGS = {
    # Queries of ResultsDatabase run in threads all the same; of Datasette's own there is a small one in memory.
    "num_sql_threads": 0,
    "sql_time_limit_ms": SQL_TIME_LIMIT_MS,
    "suggest_facets": False,  # many queries a page, for little
    "allow_download": False,  # a copy of a file that is being written to: `edgecls backup` makes a whole one
    "truncate_cells_html": 240,  # of a model's thousand labels
    "default_cache_ttl": 0,  # rows arrive all the time
}


class Site(Datasette):  # type: ignore[misc]  # Datasette has no types
    """An ASGI application, by `app()`, over the database at `path`.

    `reviewing`: people may say what a frame is; without it nothing can be written. `names`, `origins` and `base_url` as
    for `guard.Guard`.
    """

    def __init__(
        self,
        path: Path,
        *,
        reviewing: bool = False,
        names: frozenset[str] | None = LOOPBACK_NAMES,
        origins: frozenset[str] = frozenset(),
        base_url: str = "/",
    ) -> None:
        _plug_in()
        self.path = path
        self.reviewing = reviewing
        self.names = names
        self.origins = origins
        self.base_url = base_url
        self.decoding = asyncio.Semaphore(PICTURES_AT_ONCE)
        super().__init__(
            [],
            memory=False,
            metadata=METADATA,
            settings={**_SETTINGS, "base_url": base_url},
            template_dir=str(_HERE / "templates"),
            static_mounts=[("-/edgecls", str(_HERE / "static"))],
        )
        self.remove_database("_memory")
        self.results = self.add_database(ResultsDatabase(self, path), name=DATABASE)


def _plug_in() -> None:
    """Ours alone: another plugin may write, or fetch from the network. And errors are shown by ours, not printed."""
    for found, _ in pm.list_plugin_distinfo():
        pm.unregister(found)
    if pm.has_plugin("datasette.handle_exception"):
        pm.unregister(name="datasette.handle_exception")
    if not pm.has_plugin(plugin.__name__):
        pm.register(plugin, plugin.__name__)
