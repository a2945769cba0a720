"""Databases of several devices in one."""

from contextlib import closing

import pytest
from counts_check import assert_they_agree
from hypothesis import given, settings
from hypothesis import strategies as st
from merging import ROWS, Device, everything, inputs, read

from edgecls.database.backup import back_up
from edgecls.database.clock.correction import correct_known_errors
from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import UsageError
from edgecls.results.merge.merge import merge
from edgecls.results.merge.merge_input import MergeInput
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.slow


def test_rows_of_two_devices_stand_side_by_side(devices, out):
    porch, gate = merge(out, inputs(*devices))
    assert (porch.rows, porch.added, porch.runs, porch.models) == (3, 3, 1, 1)
    assert (gate.rows, gate.added, gate.runs, gate.models) == (2, 2, 1, 1)
    assert read(out, ROWS) == [("porch:camera:0", n, "tabby", "porch") for n in "123"] + [
        ("gate:camera:0", n, "lynx", "gate") for n in "12"
    ]
    assert read(out, "SELECT sha256, runs.source FROM runs JOIN models ON models.id = model_id ORDER BY 1") == [
        ("ab" * 32, "porch:camera:0"),
        ("cd" * 32, "gate:camera:0"),
    ]
    assert [file.name for file in out.parent.iterdir()] == ["all.db"]
    with Store(out) as store:
        assert_they_agree(store.database)


def test_everything_else_of_a_row_comes_along(devices, out):
    devices[0].write("odd", label="猫", score=0.25, path="a\n.jpg", votes={"猫": 3}, saved_bytes=12)
    merge(out, inputs(devices[0]))
    with closing(open_results(devices[0].path)) as one, closing(open_results(out)) as other:
        kept = [name for name in next(find_rows(one)) if name not in {"id", "source"}]
        assert [[row[name] for name in kept] for row in find_rows(one)] == [
            [row[name] for name in kept] for row in find_rows(other)
        ]
    assert read(out, "SELECT count(saved_bytes) FROM results") == [(0,)]  # saved there, not here


def test_again_adds_nothing_and_a_newer_copy_what_is_new(devices, out):
    merge(out, inputs(*devices))
    before = everything(out)
    assert [(one.added, one.known, one.conflicts, one.runs) for one in merge(out, inputs(*devices))] == [
        (0, 3, 0, 0), (0, 2, 0, 0),
    ]  # fmt: skip
    assert everything(out) == before
    devices[0].write("4")
    devices[0].store.end_run("done")
    devices[0].begin(devices[0].store)
    devices[0].write("5")
    (porch,) = merge(out, inputs(devices[0]))
    assert (porch.added, porch.known, porch.runs) == (2, 3, 1)
    assert read(out, "SELECT stop_reason FROM runs WHERE device = 'porch' ORDER BY id") == [("done",), (None,)]


def test_a_merged_database_is_merged_as_its_devices_would_be(devices, out):
    merge(out, inputs(*devices))
    again = out.with_name("again.db")
    merge(again, inputs(out))
    assert read(again, ROWS) == read(out, ROWS)
    assert [(one.added, one.known) for one in merge(again, inputs(*devices))] == [(0, 3), (0, 2)]


def test_into_the_database_of_a_device(devices):
    porch, gate = devices
    porch.store.close()
    (one,) = merge(porch.path, inputs(gate))
    assert one.added == 2
    assert [row[0] for row in read(porch.path, ROWS)] == ["camera:0"] * 3 + ["gate:camera:0"] * 2
    copy = porch.path.with_name("copy.db")
    merge(copy, inputs(porch))
    assert [row[0] for row in read(copy, ROWS)] == ["porch:camera:0"] * 3 + ["gate:camera:0"] * 2
    assert [one.known for one in merge(porch.path, inputs(copy))] == [5]


def test_two_devices_of_one_name_are_a_conflict_that_is_named(tmp_path, out):
    one, other = Device(tmp_path, file="one"), Device(tmp_path, file="other")
    one.write("a", "b")
    other.write("b", "c")
    first, second = merge(out, [MergeInput(one.path), MergeInput(other.path, "pi4")])
    assert (first.added, second.added, second.conflicts) == (2, 1, 1)
    assert second.listed_conflicts == [("pi4:camera:0", "b")]
    assert [row[1] for row in read(out, ROWS)] == ["a", "b", "c"]


@pytest.mark.parametrize("together", [True, False])
def test_two_devices_of_one_name_do_not_become_one_in_silence(tmp_path, out, together):
    """Their keys differ, so that no conflict would tell; the boot is the same, as of two daemons on one machine."""
    one, other = Device(tmp_path, file="one"), Device(tmp_path, file="other")
    other.boot_id = one.boot_id
    one.write("a")
    other.write("b")
    if not together:
        merge(out, inputs(one))
    before = read(out, ROWS) if out.exists() else None
    with pytest.raises(UsageError, match=r"other\.db is from a device named pi4.*--device pi4-2=.*--device pi4="):
        merge(out, inputs(one, other) if together else inputs(other))
    assert (read(out, ROWS) if out.exists() else None) == before
    named = [*inputs(one), MergeInput(other.path, "pi4")]  # a later database of the same device
    merge(out, named)
    assert [each.known for each in merge(out, inputs(one, other))] == [1, 1]  # it is known now


def test_a_copy_and_a_backup_of_a_database_are_that_database(tmp_path, out):
    device = Device(tmp_path).write("a")
    back_up(device.path, tmp_path / "backup.db")
    device.store.end_run("stopped")
    device.begin(device.store)
    device.write("b")
    assert [(each.added, each.known) for each in merge(out, inputs(tmp_path / "backup.db", device))] == [(1, 0), (1, 1)]
    assert [(each.added, each.known) for each in merge(out, inputs(tmp_path / "backup.db"))] == [(0, 1)]


def test_a_name_that_would_change_nothing_is_refused(tmp_path, out):
    one, other = Device(tmp_path, "porch").write("a"), Device(tmp_path, "gate").write("b")
    merge(out, inputs(one, other))
    with pytest.raises(UsageError, match=r"gate\.db was merged as gate before, .*omit --device shed=.*all databases"):
        merge(out, [*inputs(one), MergeInput(other.path, "shed")])
    other.store.end_run("stopped")
    other.begin(other.store)
    assert [each.runs for each in merge(out, [MergeInput(other.path, "shed")])] == [1]  # as of a card that was copied


def test_a_device_is_given_another_name(tmp_path, out):
    one, other = Device(tmp_path, file="one"), Device(tmp_path, file="other")
    one.write("a", "b")
    other.write("b", "c")
    named = [MergeInput(one.path), MergeInput(other.path, "shed")]
    assert [each.conflicts for each in merge(out, named)] == [0, 0]
    assert [row[3] for row in read(out, ROWS)] == ["pi4", "pi4", "shed", "shed"]
    other.write("d")
    with pytest.raises(UsageError, match=r"other.db was merged as shed before: use --device shed=.*other.db again"):
        merge(out, inputs(other))
    assert [(each.added, each.known) for each in merge(out, named)] == [(0, 2), (1, 2)]
    with pytest.raises(UsageError, match="is itself a merged database"):
        merge(out.with_name("again.db"), [MergeInput(out, "all")])


def test_a_card_that_was_copied_and_went_on_in_two_machines(tmp_path, out):
    one = Device(tmp_path, file="one").write("a")
    one.store.end_run("off")
    one.store.close()
    (tmp_path / "other.db").write_bytes(one.path.read_bytes())
    one = Device(tmp_path, file="one").write("b")
    other = Device(tmp_path, file="other").write("b")
    with pytest.raises(UsageError, match=r"other\.db is .* named pi4.* started with the same runs .*--device pi4-2="):
        merge(out, inputs(one, other))
    named = [MergeInput(one.path), MergeInput(other.path, "shed")]
    assert [(each.added, each.known, each.conflicts) for each in merge(out, named)] == [(2, 0, 0), (1, 1, 0)]
    assert read(out, ROWS) == [
        ("pi4:camera:0", "a", "tabby", "pi4"), ("pi4:camera:0", "b", "tabby", "pi4"),
        ("shed:camera:0", "b", "tabby", "shed"),
    ]  # fmt: skip


def test_a_row_that_was_changed_is_a_conflict(devices, out):
    merge(out, inputs(devices[0]))
    devices[0].store.database.execute("UPDATE results SET label = 'lynx' WHERE key = '2'")
    (one,) = merge(out, inputs(devices[0]))
    assert (one.conflicts, one.listed_conflicts, one.known) == (1, [("porch:camera:0", "2")], 2)


def test_rows_that_retention_removed_stay_in_the_merged_one(devices, out):
    merge(out, inputs(devices[0]))
    devices[0].store.database.execute("DELETE FROM results WHERE key = '1'")
    merge(out, inputs(devices[0]))
    assert len(read(out, ROWS)) == 3


def test_the_newest_review_counts(devices, out):
    porch, gate = devices
    porch.review("1", "lynx", "2026-11-24T13:00:00.000Z")
    gate.review("1", "tabby", "2026-11-24T13:00:00.000Z")
    gate.review("gone", "tabby", "2026-11-24T13:00:00.000Z")  # whose row retention has removed
    assert [(one.reviews, one.review_clashes) for one in merge(out, inputs(porch, gate))] == [(1, 0), (2, 0)]
    porch.review("1", "dog", "2026-11-24T14:00:00.000Z")
    gate.review("1", "cat", "2026-11-24T12:00:00.000Z")
    assert [(one.reviews, one.review_clashes) for one in merge(out, inputs(porch, gate))] == [(1, 1), (0, 1)]
    assert read(out, "SELECT reviews.source, key, label, sha256 FROM reviews JOIN models ON models.id = model_id") == [
        ("porch:camera:0", "1", "dog", "ab" * 32),
        ("gate:camera:0", "1", "tabby", "cd" * 32),
        ("gate:camera:0", "gone", "tabby", "cd" * 32),
    ]


@pytest.mark.parametrize("corrected", ["merged one", "device's", "device's, and new rows"])
def test_times_that_were_corrected_in_one_of_the_two(tmp_path, out, corrected):
    device = Device(tmp_path)
    device.write("a")
    device.lead += 3600.1234
    device.write("b")  # by the clock as it was set
    merge(out, inputs(device))
    if corrected != "device's":
        device.write("c")
    with Store(out) as merged:
        correct_known_errors(merged.database if corrected == "merged one" else device.store.database)
    device.write("d")
    (again,) = merge(out, inputs(device))
    assert (again.conflicts, again.runs) == (0, 0)
    times = "SELECT key, classified_at FROM results ORDER BY key"
    with Store(out) as merged:
        correct_known_errors(merged.database)
        correct_known_errors(device.store.database)
        assert_they_agree(merged.database)
    assert read(out, times) == read(device.path, times)


def test_rows_of_a_copy_from_before_a_correction_join_those_that_were_moved(tmp_path, out):
    device = Device(tmp_path).write("a")
    merge(out, inputs(device))
    device.write("b")
    old = device.path.with_name("old.db")
    merge(old, inputs(device))  # a copy with b, before the correction
    device.lead += 3600
    device.write("c")
    merge(out, inputs(device))
    with Store(out) as merged:
        merged.database.execute("DELETE FROM results WHERE key = 'b'")
        correct_known_errors(merged.database)
    assert [one.conflicts for one in merge(out, inputs(old))] == [0]
    with closing(open_results(out)) as db:
        times = {row["key"]: row["classified_at"][11:19] for row in find_rows(db)}
    assert times == {"a": "13:00:11", "b": "13:00:12", "c": "13:00:13"}


keys = st.lists(st.sampled_from("abcdef"), max_size=6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), keys, st.booleans()), max_size=8), st.data())
def test_in_whatever_order_and_however_often(tmp_path_factory, steps, data):
    folder = tmp_path_factory.mktemp("merge")
    machines = [Device(folder, name) for name in ("porch", "gate", "shed")]
    out = folder / "all.db"
    for who, written, merges in steps:
        machines[who].write(*written)
        if merges:
            merge(out, inputs(*data.draw(st.permutations(machines))))
    merge(out, inputs(*machines))
    expected = {
        (machine.device, *row)
        for machine in machines
        for row in read(machine.path, "SELECT key, classified_at FROM results")
    }
    assert sorted(read(out, "SELECT device, key, classified_at FROM results JOIN runs ON runs.id = run_id")) == sorted(
        expected
    )
    for machine in machines:
        machine.store.close()
    with Store(out) as store:
        assert_they_agree(store.database)
