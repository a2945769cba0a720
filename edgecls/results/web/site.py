"""The web application: Datasette over the results database. `plugin.create_site` adds the pages of edgecls."""

import asyncio
from pathlib import Path

from datasette.app import Datasette

from edgecls.results.web.guard import LOOPBACK_NAMES
from edgecls.results.web.metadata import DATABASE, METADATA
from edgecls.results.web.results_database import ResultsDatabase

SQL_TIME_LIMIT_MS = 2000
MAX_CONCURRENT_DECODES = 2
"""Decoding takes a core, and memory for each pixel."""

_HERE = Path(__file__).parent
_SETTINGS = {
    # ResultsDatabase runs queries in threads all the same; Datasette's own database is a small one in memory.
    "num_sql_threads": 0,
    "sql_time_limit_ms": SQL_TIME_LIMIT_MS,
    "suggest_facets": False,  # many queries a page, for little
    "allow_download": False,  # a copy of a file that is being written to: `edgecls backup` makes a consistent one
    "truncate_cells_html": 240,  # for the thousand labels of a model
    "default_cache_ttl": 0,  # rows arrive all the time
}


class Site(Datasette):  # type: ignore[misc]  # Datasette has no types
    """An ASGI application, by `app()`, over the database at `path`.

    `reviewing` lets people write reviews; otherwise nothing can be written. `names`, `origins` and `base_url` are those
    of `guard.Guard`.
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
        self.path = path
        self.reviewing = reviewing
        self.names = names
        self.origins = origins
        self.base_url = base_url
        self.decoding = asyncio.Semaphore(MAX_CONCURRENT_DECODES)
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
