"""Whether what a model answers has changed, asked of a real database."""

import json
import random
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from example_rows import NOON, begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import UsageError
from edgecls.results.drift.answers import AnswerCounts, Period, find_model, read_answer_counts
from edgecls.results.drift.verdict import DRIFT, NO_DRIFT, TOO_FEW, DriftLimits, find_drift, report_as_dict

pytestmark = pytest.mark.slow

CATS = {"tabby": 60, "lynx": 30, "unknown": 10}
VALIDATION = {"n": 400, "labels": {"tabby": 240, "lynx": 120, "unknown": 40}, "scores": [0] * 5 + [40, 40, 80, 80, 160]}
SCORES = (0.55, 0.65, 0.75, 0.75, 0.85, 0.85, 0.95, 0.95, 0.95, 0.95)
EVER = Period()
INDEPENDENT = DriftLimits(independent=True)


@pytest.fixture
def store(path):
    with Store(path) as opened:
        begin(opened, metrics={"validation": VALIDATION})
        yield opened


def day(store, number, labels=CATS, scores=SCORES, rows=300, device=None):
    """Rows of the day that many days after the 24th, a scene of three frames after the other."""
    chance = random.Random(number)
    if device:
        begin(store, device=device)
    with store.database.atomic():
        for n in range(0, rows, 3):
            (label,) = chance.choices(list(labels), list(labels.values()))
            at = NOON + timedelta(days=number, seconds=n * 86_400 / rows)
            for one in range(3):
                score = chance.choice(scores)
                store.write(frame(f"{device} {number} {n + one}", label=label, score=score, classified_at=at))


def at(days, hours=0):
    return NOON + timedelta(days=days, hours=hours)


def drift(path, period=EVER, baseline=None, **options):
    with closing(open_results(path)) as db:
        return find_drift(db, period, baseline, **options)


def test_nothing_has_changed(store, path):
    day(store, 0)
    day(store, 1)
    found = drift(path, Period(at(1)), Period(None, at(1)))
    assert (found.verdict, found.rows, found.baseline_rows, found.drifted) == (NO_DRIFT, 300, 300, ())
    assert found.compared["labels"].p > 0.05
    assert drift(path).verdict == NO_DRIFT  # against the validation images
    assert 1.5 < found.compared["labels"].n / found.compared["labels"].effective_n < 6  # scenes of three


def test_other_labels_and_other_scores(store, path):
    day(store, 0)
    day(store, 1, labels={"tabby": 20, "lynx": 70, "unknown": 10})
    day(store, 2, scores=(0.35, 0.45, 0.55, 0.65, 0.75, 0.85))
    before = Period(None, at(1))
    found = drift(path, Period(at(1), at(2)), before)
    assert (found.verdict, found.drifted) == (DRIFT, ("labels",))
    found = drift(path, Period(at(2)), before)
    assert (found.verdict, found.drifted) == (DRIFT, ("scores",))
    assert drift(path, Period(at(2)), before, limits=DriftLimits(only=("labels",))).verdict == NO_DRIFT
    assert drift(path, Period(at(2)), before, limits=DriftLimits(psi=50)).verdict == NO_DRIFT
    assert drift(path, Period(at(2))).drifted == ("scores",)


def test_too_few_rows_or_hours(store, path):
    found = None
    for n in range(99):
        store.write(frame(str(n), n))
    found = drift(path)
    assert (found.verdict, found.compared) == (TOO_FEW, {})
    assert found.reason == "the period has 99 rows with an answer, 100 are required"
    assert drift(path, Period(at(0), NOON + timedelta(minutes=1))).reason.startswith("the period has 1 row with")
    for n in range(100, 160):
        store.write(frame(str(n), n % 60))
    hour = Period(at(0), NOON + timedelta(hours=1))
    assert drift(path, hour).reason.startswith("the period has rows from 1 hour, 12 are required")
    assert drift(path).reason.startswith("the period has rows from 2 hours, 12 are required")
    assert drift(path, limits=INDEPENDENT).verdict == DRIFT  # a cat a minute, and nothing else
    found = drift(path, Period(at(0)), Period(None, at(0)), limits=INDEPENDENT)
    assert found.reason.startswith("the baseline has 0 rows")


def test_a_model_that_does_not_say(path):
    with Store(path) as store:
        begin(store, metrics={"validation": {"labels": {"tabby": 1}, "scores": [1, 2]}})
        day(store, 0)
        begin(store, sha256="cd" * 32, model_name="old")
        day(store, 1)
    for period in (Period(), Period(None, at(1))):
        with pytest.raises(UsageError, match=r"has no distribution of the answers.*--baseline-since"):
            drift(path, period)


def test_one_model_at_a_time_the_last_that_answered_unless_it_is_named(store, path):
    day(store, 0)
    begin(store, sha256="cd" * 32, model_name="dogs", metrics={"validation": VALIDATION})
    day(store, 1, labels={"dog": 1})
    assert drift(path).model.name == "dogs"
    assert drift(path).verdict == DRIFT
    assert drift(path, Period(None, at(1))).model.name == "cats"
    for name in ("cats", "abab"):
        assert (drift(path, model=name).verdict, drift(path, model=name).rows) == (NO_DRIFT, 300)
    with pytest.raises(
        UsageError, match=r"no rows of the model 'birds' in the period \(models with rows: cats, dogs\)"
    ):
        drift(path, model="birds")


def test_one_device(store, path):
    day(store, 0, device="porch")
    begin(store, device="gate", metrics={"validation": VALIDATION})
    day(store, 0, device="gate", scores=(0.15,))
    assert drift(path, device="porch").verdict == NO_DRIFT
    assert drift(path, device="gate").drifted == ("scores",)
    with pytest.raises(UsageError, match="no rows in the period from the device shed: widen it"):
        drift(path, device="shed")


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (Period(at(1)), Period(None, at(1)), False),
        (Period(at(1)), Period(None, at(1, 1)), True),
        (Period(), Period(at(0), at(1)), True),
        (Period(at(0), at(1)), Period(at(2), at(3)), False),
    ],
)
def test_periods_that_overlap(path, one, other, overlap):
    assert one.overlaps(other) == other.overlaps(one) == overlap
    if overlap:
        Store(path).close()
        with pytest.raises(UsageError, match="the period and the baseline overlap"):
            drift(path, one, other)


def test_the_object_for_programs_is_json(store, path):
    day(store, 0)
    store.write(failed("torn"))
    found = drift(path)
    said = json.loads(json.dumps(report_as_dict(found, Period(at(-1)), None, DriftLimits())))
    assert (said["verdict"], said["baseline"], said["errors"], said["period"]) == (
        NO_DRIFT, "validation", 1, {"since": "2026-11-23T12:00:00.000Z", "until": None},
    )  # fmt: skip
    assert sum(each["share"] for each in said["labels"]["categories"]) == pytest.approx(1)
    assert [each["category"] for each in said["scores"]["categories"]][:2] == ["0.0-0.1", "0.1-0.2"]


times = st.integers(0, 48 * 60)
ends = st.one_of(st.none(), times)
zones = st.sampled_from([timezone.utc, timezone(timedelta(hours=5, minutes=30))])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(times, st.sampled_from(["tabby", "lynx", None]), st.floats(0, 1))), ends, ends, zones)
def test_whole_hours_from_the_counts_and_others_from_the_rows(tmp_path_factory, rows, since, until, zone):
    path = tmp_path_factory.mktemp("answers") / "results.db"
    period = Period(*(None if end is None else at(0, end / 60).astimezone(zone) for end in (since, until)))
    chosen = [
        (minute, label, score)
        for minute, label, score in rows
        if (since is None or minute >= since) and (until is None or minute < until)
    ]
    with Store(path) as store:
        begin(store)
        for n, (minute, label, score) in enumerate(rows):
            store.write(frame(str(n), minute, label, score) if label else failed(str(n), minute))
        store.end_run("done")
        if not chosen:
            with pytest.raises(UsageError, match="no rows in the period"):
                find_model(store.database, period, None, None)
            return
        found: AnswerCounts = read_answer_counts(store.database, find_model(store.database, period, None, None), period)
    assert found.errors == sum(label is None for _, label, _ in chosen)
    assert found.answered == sum(label is not None for _, label, _ in chosen)
    counted = found.by_category("labels", ("tabby", "lynx")).reshape(-1, 2).sum(axis=0).tolist()
    assert counted == [sum(label == name for _, label, _ in chosen) for name in ("tabby", "lynx")]


def test_an_empty_database(path):
    Store(path).close()
    with pytest.raises(UsageError, match="no rows in the period: widen it"):
        drift(path, Period(datetime(2026, 1, 1, tzinfo=timezone.utc)))
