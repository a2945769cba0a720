"""Resolving the names in filters, so that a misspelt label is an error and not an empty result."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.row_values import escape_surrogates
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import UsageError
from edgecls.model.labels import find_labels
from edgecls.records import UNKNOWN
from edgecls.results.queries.filters import Filters, matches_model

MAX_LISTED = 8
"""Names that an error message lists."""


def resolve_names(db: Database, filters: Filters) -> Filters:
    """Return `filters` with their labels spelled as in `db`; case, Unicode form and white space may differ.

    A label is known if a row has it or a model that ran can return it. Before the first run every name is accepted.

    Raises:
        UsageError: A label, device, model or run is unknown; the message lists known ones.
    """
    with translate_errors(database_path(db)):
        models = db.execute(
            "SELECT DISTINCT name, sha256, labels FROM models JOIN runs ON model_id = models.id"
        ).fetchall()
        if not models:
            return filters
        if filters.labels:
            known = {*labels_of_rows(db), *(label for *_, labels in models for label in json.loads(labels)), UNKNOWN}
            filters = replace(filters, labels=_spelled(filters.labels, known))
        if filters.devices:
            devices = {device for (device,) in db.execute("SELECT DISTINCT device FROM runs")}
            _check_known("device", map(escape_surrogates, filters.devices), devices)
        names = {name for name, *_ in models}
        for wanted in filters.models:
            if not any(matches_model(wanted, name, sha256) for name, sha256, _ in models):
                _check_known("model", [wanted], names)
        if filters.runs:
            runs = [str(run) for (run,) in db.execute("SELECT id FROM runs")]
            _check_known("run", map(str, filters.runs), runs)
    return filters


def labels_of_models(db: Database) -> list[str]:
    """Return the labels of all models, sorted."""
    return sorted({str(label) for (labels,) in db.execute("SELECT labels FROM models") for label in json.loads(labels)})


def labels_of_rows(db: Database) -> Iterable[str]:
    """Yield the labels that occur in rows: one index lookup a label, however many rows there are."""
    label = db.execute("SELECT min(label) FROM results").fetchone()[0]
    while label is not None:
        yield label
        label = db.execute("SELECT min(label) FROM results WHERE label > ?", (label,)).fetchone()[0]


def _spelled(labels: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    spelled: list[str] = []
    for label in map(escape_surrogates, labels):
        matches = find_labels(label, known)
        if not matches:
            _check_known("label", [label], known)
        spelled += matches
    return tuple(dict.fromkeys(spelled))


def _check_known(kind: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    known = set(known)
    for name in wanted:
        if name not in known:
            raise UsageError(f"unknown {kind} '{name}' (known: {_listed(_by_similarity(name, known))})")


def _by_similarity(name: str, known: Iterable[str]) -> Sequence[str]:
    def distance(other: str) -> tuple[float, str]:
        return -SequenceMatcher(None, name.casefold(), other.casefold()).ratio(), other

    return sorted(known, key=distance)


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MAX_LISTED])
    return f"{listed} and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else listed
