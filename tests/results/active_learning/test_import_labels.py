"""A harvested folder, once its pictures have been moved, as reviews."""

import tempfile
import unicodedata
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from example_rows import begin
from harvests import fill, row, write_image
from hypothesis import given
from hypothesis import strategies as st

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import BadData, InputNotFound, UsageError
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.harvest import SampleRequest, rank_candidates, read_candidates
from edgecls.results.active_learning.harvest_folder import write_folder
from edgecls.results.active_learning.images import Images
from edgecls.results.active_learning.import_labels import import_labels, read_harvest
from edgecls.results.active_learning.picking import FrameRow, Pick, Picker
from edgecls.results.active_learning.reviews import Reviews
from edgecls.results.merge.merge import MergeInput, merge
from edgecls.results.queries.names import labels_of_models


@pytest.fixture
def harvest(path, tmp_path):
    """Six rows (ids 1 to 6: lynx, puma, tabby, lynx, puma, tabby), all harvested; the folder."""
    with Store(path) as store:
        fill(store, tmp_path / "inbox", 6)
    out = tmp_path / "harvest"
    with closing(open_results(path)) as db:
        request = SampleRequest(6, random_share=0.5)
        picks = Picker(db, Images(), request).pick(rank_candidates(read_candidates(db), request))
        write_folder(out, picks, labels_of_models(db))
    return out


def move(harvest, row_id, label):
    (found,) = harvest.glob(f"*/{row_id}-*")
    (harvest / label).mkdir(parents=True, exist_ok=True)
    return found.rename(harvest / label / found.name)


def test_where_a_picture_lies_is_its_label(harvest, path, read):
    move(harvest, 1, "tabby")
    move(harvest, 2, "house cat")
    move(harvest, 3, "unknown")
    move(harvest, 4, "lynx/old").rename(harvest / "lynx" / "old" / "4-003.png")
    next(harvest.glob("*/5-*")).unlink()
    next(harvest.glob("*/6-*")).rename(harvest / "6-005.png")  # out of all folders
    found, changed = import_labels(harvest, path, ["house cat"])
    assert (found.unsorted, found.removed, found.ambiguous, changed) == (2, 1, [], 3)
    assert read(
        "SELECT results.id, reviews.path = results.path, predicted, reviews.label, model_id "
        "FROM reviews JOIN results USING (source, key) ORDER BY 1"
    ) == [(1, 1, "lynx", "tabby", 1), (2, 1, "puma", "house cat", 1), (4, 1, "lynx", "lynx", 1)]
    assert read("SELECT count(*) FROM reviews WHERE reason NOT IN ('random', 'low margin')") == [(0,)]


def test_a_folder_may_spell_its_label_as_another_system_does(harvest, path, read):
    move(harvest, 1, "TABBY")
    move(harvest, 2, "Lynx\u200b ")
    move(harvest, 3, "Unknown")
    found, changed = import_labels(harvest, path)
    assert (found.unsorted, changed) == (1, 5)
    labels = "SELECT results.id, reviews.label FROM reviews JOIN results USING (source, key) ORDER BY 1"
    assert read(labels) == [(1, "tabby"), (2, "lynx"), (4, "lynx"), (5, "puma"), (6, "tabby")]


def test_a_macos_machine_decomposes_the_names_of_folders_and_files(path, tmp_path, read):
    with Store(path) as store:
        begin(store, labels=["größe", "länge"])
        store.write(row(write_image(tmp_path, "fußgänger.png", 1), "größe"))
    with closing(open_results(path)) as db:
        picks = Picker(db, Images(), SampleRequest(1)).pick(rank_candidates(read_candidates(db), SampleRequest(1)))
        write_folder(tmp_path / "out", picks, labels_of_models(db))
    (found,) = tmp_path.glob("out/*/1-*")
    target = tmp_path / "out" / unicodedata.normalize("NFD", "länge2") / unicodedata.normalize("NFD", found.name)
    target.parent.mkdir()
    found.rename(target)
    target.parent.rename(tmp_path / "out" / unicodedata.normalize("NFD", "LÄNGE"))
    import_labels(tmp_path / "out", path)
    assert read("SELECT label FROM reviews") == [("länge",)]


def test_folders_that_are_no_labels_are_named_before_anything_is_stored(harvest, path, read):
    move(harvest, 1, "checked/tabby")
    move(harvest, 2, "blu e")
    with pytest.raises(BadData) as caught:
        import_labels(harvest, path)
    assert str(caught.value) == (
        f"folders whose names no model and no review in {path} has as a label: 'blu e' (1 image), 'checked' (1 image) "
        "(known: lynx, puma, tabby); nothing was stored; move these images to the right folders, or accept the labels "
        "with --new-label 'blu e' --new-label checked"
    )
    assert read("SELECT count(*) FROM reviews") == [(0,)]
    assert import_labels(harvest, path, ["Blu e", "checked"])[1] == 6
    assert import_labels(harvest, path)[1] == 0  # the reviews know them by now


def test_a_new_label_that_no_folder_has_is_refused(harvest, path, read):
    move(harvest, 1, "checked")
    with pytest.raises(UsageError, match="--new-label cheked: no folder of that name has images"):
        import_labels(harvest, path, ["checked", "cheked"])
    assert read("SELECT count(*) FROM reviews") == [(0,)]


@pytest.mark.parametrize("name", [".Trash-1000/files", "@eaDir/thumbs", "#recycle", "$RECYCLE.BIN", "lynx/.thumbnails"])
def test_what_lies_in_folders_of_the_system_was_removed(harvest, path, name):
    (harvest / name).mkdir(parents=True)
    move(harvest, 1, name)
    first = next(harvest.glob("*/2-*"))
    (harvest / name / first.name).write_bytes(first.read_bytes())  # a thumbnail is no second place
    found, changed = import_labels(harvest, path)
    assert (found.removed, found.ambiguous, changed) == (1, [], 5)


def test_a_label_that_is_named_like_a_folder_of_the_system(path, tmp_path, read):
    with Store(path) as store:
        begin(store, labels=["@tmp", "lost+found"])
        store.write(row(write_image(tmp_path, "a.png", 1), "@tmp"))
    with closing(open_results(path)) as db:
        picks = Picker(db, Images(), SampleRequest(1)).pick(rank_candidates(read_candidates(db), SampleRequest(1)))
        write_folder(tmp_path / "out", picks, labels_of_models(db))
    assert import_labels(tmp_path / "out", path)[1] == 1
    assert read("SELECT label FROM reviews") == [("@tmp",)]


def test_a_second_time_changes_only_what_was_moved_since(harvest, path, read):
    assert import_labels(harvest, path)[1] == 6
    before = read("SELECT * FROM reviews ORDER BY id")
    assert import_labels(harvest, path)[1] == 0
    assert read("SELECT * FROM reviews ORDER BY id") == before
    move(harvest, 2, "lynx")
    assert import_labels(harvest, path)[1] == 1
    assert read("SELECT reviews.label FROM reviews JOIN results USING (source, key) WHERE results.id = 2") == [
        ("lynx",)
    ]


def test_a_picture_in_two_folders_is_no_review(harvest, path):
    first = next(harvest.glob("*/1-*"))
    (harvest / "puma" / first.name).write_bytes(first.read_bytes())
    found, changed = import_labels(harvest, path)
    assert (found.ambiguous, changed) == ([first.name], 5)


def test_rows_may_be_gone_by_now(harvest, path, read):
    with Store(path) as store:
        store.database.execute("DELETE FROM results")
    assert import_labels(harvest, path)[1] == 6
    assert read("SELECT count(*), count(score), min(model_id) FROM reviews") == [(6, 6, 1)]


def test_a_correction_in_another_way_keeps_why_it_was_picked(harvest, path, read):
    with Reviews(path) as reviews:
        reviews.put(1, "tabby")
    assert read("SELECT reason FROM reviews") == [(None,)]
    import_labels(harvest, path)
    reasons = read("SELECT key, reason FROM reviews ORDER BY key")
    assert all(reason for _, reason in reasons)
    with Reviews(path) as reviews:
        reviews.put(1, "puma")
    assert read("SELECT key, reason FROM reviews ORDER BY key") == reasons


def test_labels_that_are_no_names_of_folders(path, tmp_path, read):
    with Store(path) as store:
        fill(store, tmp_path / "inbox", 2)
        store.database.execute("UPDATE results SET label = 'a/b' WHERE id = 1")
        store.database.execute("UPDATE results SET label = 'a?b' WHERE id = 2")
    with closing(open_results(path)) as db:
        picks = Picker(db, Images(), SampleRequest(2, 1)).pick(
            rank_candidates(read_candidates(db), SampleRequest(2, 1))
        )
        write_folder(tmp_path / "out", picks, [])
    assert {each.name for each in (tmp_path / "out").iterdir() if each.is_dir()} == {"a_b", "a_b-2"}
    import_labels(tmp_path / "out", path)
    assert read("SELECT predicted, label FROM reviews ORDER BY 1") == [("a/b", "a/b"), ("a?b", "a?b")]


def test_what_is_no_harvest(path, harvest, tmp_path, read):
    with pytest.raises(InputNotFound, match="use a folder that edgecls harvest --out created"):
        import_labels(tmp_path, path)
    (harvest / "harvest.csv").write_text("file,label\na.jpg,tabby\n")
    with pytest.raises(BadData, match=r"harvest.csv has no column 'guess'"):
        import_labels(harvest, path)
    (harvest / "harvest.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(BadData, match="is not a CSV file in UTF-8"):
        import_labels(harvest, path)
    assert read("SELECT count(*) FROM reviews") == [(0,)]


def test_a_harvest_of_another_database(harvest, tmp_path):
    other = tmp_path / "other.db"
    Store(other).close()
    with pytest.raises(
        BadData, match=r"other.db has no rows of the model of .*: use the database that the harvest is from"
    ):
        import_labels(harvest, other)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    source=TEXT,
    key=TEXT,
    path=TEXT,
    label=TEXT.filter(lambda text: text not in ("", UNKNOWN)),
    score=st.none() | st.floats(0, 1),
)
def test_hostile_texts_come_back_as_they_were(source, key, path, label, score):
    harvested = FrameRow(7, source, key, path or "a", label, score, label, 0.5, "ab" * 32, "{}")
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "out")
        write_folder(out, [Pick(harvested, "random", b"picture")], ["tabby", label])
        ((frame, said),) = read_harvest(out).reviews
    assert said == label
    assert asdict(frame) == {
        "source": source, "key": key, "path": path or "a", "predicted": label, "score": score, "model": "ab" * 32,
        "reason": "random",
    }  # fmt: skip


def test_why_a_frame_was_picked_survives_a_merge(harvest, path, tmp_path, read):
    import_labels(harvest, path)
    merged = tmp_path / "merged.db"
    merge(merged, [MergeInput(path)])
    with closing(open_results(merged)) as db:
        assert db.execute("SELECT reason, label FROM reviews ORDER BY id").fetchall() == read(
            "SELECT reason, label FROM reviews ORDER BY id"
        )
