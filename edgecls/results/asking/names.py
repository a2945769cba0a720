"""Whether what a filter names is there at all: a label that was misspelt finds nothing, and nobody would know why."""

import json
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from sqlite_utils import Database

from edgecls.errors import UsageError
from edgecls.records import UNKNOWN
from edgecls.results.asking.filters import Filter, is_model
from edgecls.results.schema import file_of, storable, translated

MOST = 8
"""Names that a message tells."""


def check_names(db: Database, which: Filter) -> None:
    """Raise UsageError if `which` names a label, device, model or run that is not in `db`; it says which are.

    A label is there if a row has it, or a model that ran could give it. Before the first run nothing is, and all pass.
    """
    with translated(file_of(db)):
        models = db.execute(
            "SELECT DISTINCT name, sha256, labels FROM models JOIN runs ON model_id = models.id"
        ).fetchall()
        if not models:
            return
        if which.labels:
            known = {*_labels_of_rows(db), *(label for *_, labels in models for label in json.loads(labels)), UNKNOWN}
            _check("label", map(storable, which.labels), known)
        if which.devices:
            devices = {device for (device,) in db.execute("SELECT DISTINCT device FROM runs")}
            _check("device", map(storable, which.devices), devices)
        names = {name for name, *_ in models}
        for wanted in which.models:
            if not any(is_model(wanted, name, sha256) for name, sha256, _ in models):
                _check("model", [wanted], names)
        if which.runs:
            runs = [str(run) for (run,) in db.execute("SELECT id FROM runs")]
            _check("run", map(str, which.runs), runs)


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
