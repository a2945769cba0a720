"""Begin a run of a model in a database."""

from collections.abc import Mapping
from typing import Any

from edgecls.addresses import hide_addresses
from edgecls.database.store import Store
from edgecls.model.model_file import ModelFile
from edgecls.version import __version__


def begin_run(store: Store, model: ModelFile, *, device: str, source: str, config: Mapping[str, Any]) -> None:
    """Register the model and a run of it; rows written from now on belong to that run."""
    store.begin_run(
        sha256=model.sha256,
        model_name=model.name,
        labels=model.labels,
        metrics=model.info.metrics if model.info else {},
        device=device,
        source=source,
        version=__version__,
        config=hide_addresses(config),
    )
