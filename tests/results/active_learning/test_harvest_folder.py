"""Folders of pictures to be labelled by moving them."""

import csv
import os
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgecls.errors import InputNotFound, IoFailed, UsageError
from edgecls.images.frame_key import digest
from edgecls.results.active_learning.harvest_folder import FolderNames, check_out, safe_name, write_folder
from edgecls.results.active_learning.picking import FrameRow, Pick


def pick(row_id=1, path="/inbox/a.jpg", predicted="tabby", reason="random", image=b"picture"):
    found = FrameRow(row_id, "folder", f"a#{digest(image)}", path, predicted, 0.9, predicted, 0.85, "ab" * 32, "{}")
    return Pick(found, reason, image)


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_folders_by_predicted_label_and_the_reasons_beside(tmp_path):
    out = tmp_path / "new" / "harvest"
    picks = [pick(7), pick(8, "/other/a.jpg", "unknown", "unknown", b"another")]
    assert write_folder(out, iter(picks), ["lynx", "tabby"]) == {"random": 1, "unknown": 1}
    assert tree(out) == [
        "folders.csv", "harvest.csv", "lynx", "tabby", "tabby/7-a.jpg", "unknown", "unknown/8-a.jpg",
    ]  # fmt: skip
    assert (out / "unknown" / "8-a.jpg").read_bytes() == b"another"
    first, second = read_csv(out / "harvest.csv")
    assert first == {
        "file": "7-a.jpg", "source": "folder", "key": f"a#{digest(b'picture')}", "path": "/inbox/a.jpg",
        "predicted": "tabby", "score": "0.9", "guess": "tabby", "margin": "0.85", "reason": "random",
        "model": "ab" * 32,
    }  # fmt: skip
    assert (second["file"], second["reason"]) == ("8-a.jpg", "unknown")
    assert {row["folder"]: row["label"] for row in read_csv(out / "folders.csv")} == {
        "lynx": "lynx",
        "tabby": "tabby",
        "unknown": "unknown",
    }
    assert os.stat(out).st_mode & 0o777 == 0o755


def test_of_very_many_labels_only_those_with_pictures_have_a_folder(tmp_path):
    write_folder(tmp_path / "out", [pick()], [f"class {n}" for n in range(1000)])
    assert tree(tmp_path / "out") == ["folders.csv", "harvest.csv", "tabby", "tabby/1-a.jpg"]


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("solar cell", "solar cell"),
        ("Käfer 7", "Käfer 7"),
        ("../../etc", "_._.._etc"),
        ("a/b\\c", "a_b_c"),
        ("..", "__"),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("", "_"),
        (" ", "_"),
        ("a\nb\x1b[2J\u202e", "a_b_[2J_"),
        ("<img onerror=x>", "_img onerror=x_"),
        ("x" * 300, "x" * 100),
    ],
)
def test_labels_are_hostile_text(label, folder):
    assert safe_name(label) == folder


@given(st.lists(st.text(), unique=True))
@example(["a", "A", "a-2", "a/", "a?"])
@example(["x" * 100, "x" * 101, "X" * 102])
def test_each_label_has_a_folder_of_its_own(labels):
    names = FolderNames()
    folders = [names.folder_of(label) for label in labels]
    assert len({folder.casefold() for folder in folders}) == len(labels)
    assert [names.folder_of(label) for label in labels] == folders
    assert list(names.items()) == list(zip(folders, labels, strict=True))
    for folder in folders:
        assert folder not in {"", ".", ".."}
        assert not {"/", "\0", "\n"} & set(folder)
        assert len(folder.encode()) <= 250


def test_hostile_names_of_files(tmp_path):
    out = tmp_path / "out"
    picks = [
        pick(1, "/in/<img onerror=x>.jpg"),
        pick(2, "/in/" + "y" * 250 + ".jpeg"),
        pick(3, "/in/.."),
        pick(4, "a\nb"),
    ]
    write_folder(out, picks, [])
    assert tree(out / "tabby") == ["1-_img onerror=x_.jpg", f"2-{'y' * 100}.jpeg", "3-__", "4-a_b"]


def test_nothing_is_overwritten(tmp_path):
    out = tmp_path / "out"
    write_folder(out, [pick()], [])
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="exists and is not an empty folder: use a new folder"):
        write_folder(out, [pick(2)], [])
    with pytest.raises(UsageError):
        check_out(out / "harvest.csv")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError):
        check_out(tmp_path / "link")
    (tmp_path / "link").unlink()
    assert tree(tmp_path) == before


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "out").mkdir()
    write_folder(tmp_path / "out", [pick()], [])
    assert (tmp_path / "out" / "tabby" / "1-a.jpg").exists()


def test_an_empty_folder_keeps_its_mode_and_the_link_that_leads_to_it(tmp_path):
    (tmp_path / "nas").mkdir(mode=0o700)
    (tmp_path / "out").symlink_to("nas")
    write_folder(tmp_path / "out", [pick()], ["lynx"])
    assert (tmp_path / "out").is_symlink()
    assert stat.S_IMODE((tmp_path / "nas").stat().st_mode) == 0o700
    assert sorted(os.listdir(tmp_path / "nas")) == ["folders.csv", "harvest.csv", "lynx", "tabby"]


def test_a_mounted_folder_is_filled(small_disk):
    write_folder(small_disk, [pick()], [])
    assert sorted(os.listdir(small_disk)) == ["folders.csv", "harvest.csv", "tabby"]


def test_a_folder_that_is_filled_meanwhile(tmp_path):
    def picks():
        yield pick()
        (tmp_path / "precious").touch()

    with pytest.raises(UsageError, match="is no longer empty: use a new folder"):
        write_folder(tmp_path, picks(), ["lynx"])
    assert tree(tmp_path) == ["precious"]


@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o750), (0o002, 0o775)])
def test_a_new_folder_obeys_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_folder(tmp_path / "out", [pick()], [])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == mode


def test_a_harvest_that_is_cut_off_leaves_nothing(tmp_path):
    def picks():
        yield pick()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", picks(), ["lynx"])
    assert tree(tmp_path) == []
    write_folder(tmp_path / "out", [pick()], ["lynx"])


def test_a_place_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((InputNotFound, IoFailed), match="cannot create the folder"):
        write_folder(tmp_path / "file" / "out", [pick()], [])
