"""What a filter names, as the database has it: a label that was misspelt finds nothing, and nobody would know why."""

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

MOST = 8
"""Names that a message tells."""


def resolve_names(db: Database, which: Filters) -> Filters:
    """Return `which` with its labels spelled as in `db`; they may differ in case, Unicode normalization and blanks.

    Raises UsageError where `which` names a label, device, model or run that is not there; the message says which are. A
    label is there if a row has it, or a model that ran could give it. Before the first run all names pass.
    """
    with translate_errors(database_path(db)):
        models = db.execute(
            "SELECT DISTINCT name, sha256, labels FROM models JOIN runs ON model_id = models.id"
        ).fetchall()
        if not models:
            return which
        if which.labels:
            known = {*_labels_of_rows(db), *(label for *_, labels in models for label in json.loads(labels)), UNKNOWN}
            which = replace(which, labels=_spelled(which.labels, known))
        if which.devices:
            devices = {device for (device,) in db.execute("SELECT DISTINCT device FROM runs")}
            _check("device", map(escape_surrogates, which.devices), devices)
        names = {name for name, *_ in models}
        for wanted in which.models:
            if not any(matches_model(wanted, name, sha256) for name, sha256, _ in models):
                _check("model", [wanted], names)
        if which.runs:
            runs = [str(run) for (run,) in db.execute("SELECT id FROM runs")]
            _check("run", map(str, which.runs), runs)
    return which


def _spelled(labels: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    spelled: list[str] = []
    for label in map(escape_surrogates, labels):
        alike = find_labels(label, known)
        if not alike:
            _check("label", [label], known)
        spelled += alike
    return tuple(dict.fromkeys(spelled))


def _labels_of_rows(db: Database) -> Iterable[str]:
    """From the index, a step a label: there are few of them, and millions of rows."""
    label = db.execute("SELECT min(label) FROM results").fetchone()[0]
    while label is not None:
        yield label
        label = db.execute("SELECT min(label) FROM results WHERE label > ?", (label,)).fetchone()[0]


def _check(kind: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    known = set(known)
    for name in wanted:
        if name not in known:
            raise UsageError(f"no {kind} is called {name}: there {_listed(_nearest(name, known))}")


def _nearest(name: str, known: Iterable[str]) -> Sequence[str]:
    def distance(other: str) -> tuple[float, str]:
        return -SequenceMatcher(None, name.casefold(), other.casefold()).ratio(), other

    return sorted(known, key=distance)


def _listed(names: Sequence[str]) -> str:
    shown = f"{'is' if len(names) == 1 else 'are'} {', '.join(names[:MOST])}"
    return f"{shown}, and {len(names) - MOST} more" if len(names) > MOST else shown
