"""What the triggers keep of the rows never disagrees with them."""

from counts_check import KEPT, assert_they_agree
from example_rows import begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.database.store import Store

labels = st.sampled_from(["tabby", "lynx", "unknown", "Höhle"])
scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.7, 0.999999, 1.0]))
minutes = st.one_of(st.integers(0, 200), st.integers(-4000, 4000))
writes = st.tuples(st.just("write"), st.integers(0, 8), minutes, labels, scores)
others = st.one_of(
    st.tuples(st.just("fail"), st.integers(0, 8), minutes),
    st.tuples(st.just("remove"), st.integers(1, 12)),
    st.tuples(st.just("relabel"), st.integers(1, 12), labels),
    st.tuples(st.just("retime"), st.integers(1, 12), st.integers(20, 29), st.integers(0, 23)),
    st.tuples(st.just("run")),
)


def do(store, step):
    match step:
        case "write", key, minutes, label, score:
            store.write(frame(str(key), minutes, label, score))  # a key that is there already changes nothing
        case "fail", key, minutes:
            store.write(failed(str(key), minutes))
        case "remove", row:
            store.database.execute("DELETE FROM results WHERE id = ?", [row])
        case "relabel", row, label:
            store.database.execute("UPDATE results SET label = ?, score = 0.25 WHERE id = ?", [label, row])
        case "retime", row, day, hour:
            time = f"2026-11-{day}T{hour:02}:00:00.000Z"
            store.database.execute("UPDATE results SET classified_at = ? WHERE id = ?", [time, row])
        case _:
            begin(store)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(writes, others), max_size=30))
def test_the_counts_agree_with_the_rows(tmp_path_factory, steps):
    with Store(tmp_path_factory.mktemp("hourly_counts") / "results.db") as store:
        begin(store)
        for step in steps:
            do(store, step)
        assert_they_agree(store.database)
        assert not [row for row in store.database.execute(KEPT) if row[4] == 0]


def test_a_day_is_summed_up_when_the_next_begins(store):
    def days():
        return [day for (day,) in store.database.execute("SELECT DISTINCT day FROM daily_counts ORDER BY 1")]

    store.write(frame("a"))
    assert days() == []
    store.write(frame("b", 24 * 60))
    assert days() == ["2026-11-24"]
    store.write(frame("c", 30))  # by a clock that was set back
    assert store.database.execute("SELECT sum(rows) FROM daily_counts").fetchone() == (2,)


def test_a_row_costs_no_page_for_what_is_kept_of_days(path):
    """Where the day goes on: each page is some of a memory card's life."""

    def pages(db):
        begin(db)
        db.write(frame("the first of the day"))
        db.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(100):
            db.write(frame(str(n), n / 100))
        return path.with_name(f"{db.path.name}-wal").stat().st_size

    with Store(path) as store:
        with_days = pages(store)
    path.unlink()
    with Store(path) as store:
        store.database.execute("DROP TRIGGER daily_counts_on_insert")
        assert pages(store) == with_days
