"""What `stats` looks like in a terminal."""

import io
import time
from datetime import datetime, timedelta, timezone

import pytest

from edgecls.cli.stats import stats
from edgecls.database.store import Store
from edgecls.records import Classification, Prediction
from edgecls.results.queries.periods import Unit

LABELS = ["monocrystalline cell", "polycrystalline cell", "no cell at all"]
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("bars") / "results.db"
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="cells", labels=LABELS, metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        for frame in range(11):
            label = LABELS[0 if frame < 8 else 1 if frame < 10 else 2]
            at = NOON + timedelta(minutes=10 * frame)
            top_k = (Prediction(label, 0.95),)
            store.write(Classification("folder", str(frame), None, at, at, label, 0.95, top_k, 2.0, 12.0, None))
    return path


@pytest.fixture
def shown(database, monkeypatch):
    """The lines in a terminal."""

    def shown(width, encoding="utf-8", by=Unit.hour):
        terminal = Terminal(io.BytesIO(), encoding)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr("sys.stdout", terminal)
        stats(db=database, by=by)
        terminal.seek(0)
        return terminal.read().splitlines()

    return shown


def bar(lines, beginning):
    """The bar in the only line that begins so."""
    (line,) = (line for line in lines if line.startswith(beginning))
    return next((word for word in line.split() if word[0] in "█▏▎▍▌▋▊▉#"), "")


@pytest.mark.parametrize(("width", "longest"), [(40, 8), (80, 16), (120, 24), (150, 30), (300, 30)])
def test_bars_are_in_proportion_and_leave_room(shown, width, longest):
    lines = shown(width)
    assert bar(lines, LABELS[0]) == "█" * longest
    assert len(bar(lines, LABELS[1])) == -(-longest // 4)
    assert bar(lines, "0.9 to 1.0") == "█" * longest
    assert bar(lines, "0.8 to 0.9") == ""


def test_bars_have_eighths(shown):
    assert bar(shown(120), LABELS[2]) == "███"
    assert bar(shown(150), LABELS[2]) == "███▊"


def test_a_terminal_without_these_characters_has_others(shown):
    assert bar(shown(80, "ascii"), LABELS[0]) == "#" * 16
    assert bar(shown(80, "ascii"), LABELS[1]) == "#" * 4


def test_in_80_columns_no_line_of_labels_scores_or_hours_is_wrapped(shown):
    lines = [line for line in shown(80) if "ab" * 32 not in line]
    start = next(count for count, line in enumerate(lines) if line.startswith("label"))
    lines = [line for line in lines[start:] if not line.startswith(("model", "-----  "))]
    assert len(lines) > 15
    assert max(len(line) for line in lines if not set(line) <= {"-", " "}) <= 80
    assert any(line.rstrip().endswith("...") for line in lines)  # of an hour's labels as many as have room


def test_it_fits_a_terminal(shown):
    assert max(map(len, shown(80))) <= 80
    assert ["cells", "11", "ab" * 6] in [line.split() for line in shown(80)]


def test_days_that_are_not_local_ones_are_called_so(shown, monkeypatch, capsys):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        lines = shown(80, by=Unit.day)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert any(line.startswith("day (UTC)") for line in lines)
    assert bar(lines, "2026-11-24 ")
    assert capsys.readouterr().err.startswith("edgecls: showing days in UTC: ")
