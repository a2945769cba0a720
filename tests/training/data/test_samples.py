import contextlib
import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_folders import DATA, write_csv, write_folder

from edgecls.errors import BadData, InputNotFound, IoFailed
from edgecls.training.data.sample import Sample
from edgecls.training.data.samples import read_samples


@pytest.fixture
def pets(tmp_path):
    return write_folder(tmp_path / "pets", {"cat": 2, "dog": 1})


def test_a_folder_a_class(pets):
    assert read_samples(pets) == [
        Sample(pets / "cat" / "00.png", "cat"),
        Sample(pets / "cat" / "01.png", "cat"),
        Sample(pets / "dog" / "00.png", "dog"),
    ]


def test_an_image_is_no_data_set(pets):
    with pytest.raises(BadData, match=r"00\.png is an image: pass a folder with one sub-folder per class"):
        read_samples(pets / "cat" / "00.png")


def test_sub_folders_of_a_class_and_names_in_capitals_count_hidden_and_other_files_do_not(pets):
    for name in ("old/very/A.JPEG", ".thumbnails/b.png", "._00.png", "notes.txt", "Thumbs.db"):
        path = pets / "dog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (pets / ".git").mkdir()
    (pets / "readme.txt").touch()
    (pets / "dog" / "folder.png").mkdir()
    assert [s.path.name for s in read_samples(pets) if s.label == "dog"] == ["00.png", "A.JPEG"]


def test_a_class_folder_may_be_a_link(pets, tmp_path):
    root = tmp_path / "linked"
    root.mkdir()
    (root / "chat").symlink_to(pets / "cat")
    assert [sample.label for sample in read_samples(root)] == ["chat", "chat"]


def test_a_csv(tmp_path):
    table = write_csv(
        tmp_path / "pets.csv", "note,label,path,group", "x, dog ,b/1.png,Rex", ",cat,a/2.png,", ",cat,a/1.png,Tom"
    )
    assert read_samples(table) == [
        Sample(tmp_path / "a/1.png", "cat", group="Tom"),
        Sample(tmp_path / "a/2.png", "cat"),
        Sample(tmp_path / "b/1.png", "dog", group="Rex"),
    ]


def test_a_csv_with_splits_as_people_write_them(tmp_path):
    names = ["train", "Training", "val", "VALID", "validation", " test "]
    table = write_csv(tmp_path / "t.csv", "path,label,split", *(f"{n}.png,cat,{s}" for n, s in enumerate(names)))
    splits = [sample.split for sample in read_samples(table)]
    assert splits == ["train", "train", "validation", "validation", "validation", "test"]


def test_a_csv_from_a_spreadsheet(tmp_path):
    (tmp_path / "t.csv").write_bytes('\ufeffpath,label\r\n"a,1.png",Löwe\r\n'.encode())
    assert read_samples(tmp_path / "t.csv") == [Sample(tmp_path / "a,1.png", "Löwe")]


def test_a_split_file_decides_which_images_are_used(pets, tmp_path):
    split_file = write_csv(
        tmp_path / "s.csv", "file,class,split,group", "dog/00.png,dog,test,Rex", "cat/01.png,cat,train,"
    )
    assert read_samples(pets, split_file) == [
        Sample(pets / "cat/01.png", "cat", "train"),
        Sample(pets / "dog/00.png", "dog", "test", "Rex"),
    ]


def test_a_split_file_for_a_csv(tmp_path):
    table = write_csv(tmp_path / "t.csv", "path,label", "1.png,cat", "2.png,dog", "3.png,dog")
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", "2.png,dog,test", "1.png,cat,train")
    assert read_samples(table, split_file) == [
        Sample(tmp_path / "1.png", "cat", "train"),
        Sample(tmp_path / "2.png", "dog", "test"),
    ]


@pytest.mark.parametrize(("row", "other"), [("1.png,dog,test", "'cat'"), ("4.png,dog,test", "None")])
def test_a_csv_and_a_split_file_that_disagree(tmp_path, row, other):
    table = write_csv(tmp_path / "t.csv", "path,label", "1.png,cat", "2.png,dog")
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", row)
    with pytest.raises(
        BadData, match=rf"s\.csv says {row[0]}\.png is 'dog', the data set says {other}: make them agree"
    ):
        read_samples(table, split_file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column 'path': its first line must name path, label$"),
        ("path;label\na.png;cat\n", "has no column 'path'"),
        ("path,class\na.png,cat\n", "has no column 'label'"),
        ("path,label\n", r"lists no images: add some"),
        ("path,label\na.png,cat\nb.png\n", "line 3: path and label must both be given"),
        ("path,label\n,cat\n", "line 2: path and label must both be given"),
        (
            "path,label,split\na.png,cat,test\nb.png,cat,dev\n",
            "line 3: unknown split 'dev': use train, val or test, or leave",
        ),
        ("path,label\na.png,\u200b\n", "line 2: path and label must both be given"),
        ("path,label\na.png,Unknown\n", "the class name 'Unknown' is reserved"),
        ("path,label\na.png," + 140_000 * "x", "is not a CSV file in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_csv(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(BadData, match=said):
        read_samples(tmp_path / "t.csv")


def test_a_csv_in_another_encoding(tmp_path):
    (tmp_path / "t.csv").write_bytes("path,label\na.png,Löwe\n".encode("latin-1"))
    with pytest.raises(BadData, match="is not a CSV file in UTF-8"):
        read_samples(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("cells", "splits"),
    [(("", "", ""), [None, None, None]), (("", "val", "test"), ["train", "validation", "test"])],
)
def test_an_empty_split_beside_others_is_train(tmp_path, cells, splits):
    rows = [f"{name}.png,{label},{cell}" for name, label, cell in zip("abc", ("cat", "cat", "dog"), cells, strict=True)]
    listed = write_csv(tmp_path / "l.csv", "path,label,split", *rows)
    assert [sample.split for sample in read_samples(listed)] == splits


def test_a_split_file_needs_its_columns(pets, tmp_path):
    with pytest.raises(BadData, match=r"has no column 'split': its first line must name file, class, split"):
        read_samples(pets, write_csv(tmp_path / "s.csv", "file,class", "cat/00.png,cat"))
    with pytest.raises(InputNotFound, match=r"cannot read .*none\.csv: no such file"):
        read_samples(pets, tmp_path / "none.csv")
    with pytest.raises(IoFailed, match="it is a folder: name a file"):
        read_samples(pets, tmp_path)


def test_no_such_data_set(tmp_path):
    with pytest.raises(
        InputNotFound, match=r"there is no data set .*none: pass a folder with one sub-folder per class, a CSV"
    ):
        read_samples(tmp_path / "none")


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(BadData, match="put the images of each class in a folder of its own"):
        read_samples(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "notes.txt").touch()
    with pytest.raises(BadData, match=r"no images in the sub-folders of .*, 1 folder without images \(cat\)"):
        read_samples(tmp_path)


def test_an_empty_class_folder_is_named_and_ends_nothing(pets, caplog):
    (pets / "emu").mkdir()
    assert [sample.label for sample in read_samples(pets)] == ["cat", "cat", "dog"]
    assert caplog.messages == [f"{pets}: 3 images; not taken: 1 folder without images (emu)"]


@pytest.mark.parametrize("name", [b"\xff", b" ", b"unknown", b"Unknown ", "\u200b".encode()])
def test_a_folder_whose_name_no_class_can_have(tmp_path, name):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    (folder / "1.png").touch()
    with pytest.raises(BadData, match="rename the class"):
        read_samples(tmp_path)


def test_a_class_in_several_spellings_is_one(tmp_path, caplog):
    write_folder(tmp_path, {"Robin": 1, "robin": 2, "robin\u200b": 1, "gru\u0308n": 1, "grün": 1, "wren": 1})
    samples = read_samples(tmp_path)
    assert Counter(sample.label for sample in samples) == {"robin": 4, "grün": 2, "wren": 1}
    assert [sample.label for sample in samples] == sorted(sample.label for sample in samples)
    (record,) = caplog.records
    assert record.getMessage() == (
        "'robin' (3 images) and 'Robin' (1 image) are used as one class, 'robin': "
        "rename one if they are different classes"
    )


def test_a_split_file_may_spell_a_class_as_another_program_does(tmp_path):
    table = write_csv(tmp_path / "t.csv", "path,label", "1.png,Gr\u00f6\u00dfe")
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", "1.png,gro\u0308\u00dfe\u00a0,test")
    (sample,) = read_samples(table, split_file)
    assert (sample.label, sample.split) == ("größe", "test")


@given(st.binary(max_size=200), st.sampled_from([b"", b"path,label\n", b"path,label,split,group\na,b,test,\n"]))
def test_any_bytes_give_samples_or_an_error_of_ours(tmp_path_factory, data, header):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(header + data)
    with contextlib.suppress(BadData):
        assert all(sample.label for sample in read_samples(path))


def test_the_real_split_file():
    root = DATA / "grocery10"
    if not root.exists():
        pytest.skip("no real photographs beside the repository")
    samples = read_samples(root, root / "splits.csv")
    assert len(samples) == 1915
    assert set(Counter(sample.split for sample in samples)) == {"train", "validation", "test"}
    assert len({sample.label for sample in samples}) == 10
    assert all(sample.path.is_file() and sample.group for sample in samples)
