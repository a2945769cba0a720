import shutil
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from image_folders import image, write_csv, write_folder

from edgecls.errors import BadData
from edgecls.progress import Progress
from edgecls.training.data.dataset import SPLITS, read_dataset
from edgecls.training.data.duplicates import groups_with_copies, leave_out_copies
from edgecls.training.data.read_images import DatasetImage
from edgecls.training.data.read_split import read_split
from edgecls.training.data.sample import Sample
from edgecls.training.data.split import group_names, split_samples

pytestmark = pytest.mark.slow


def read(path, split_file=None, seed=0):
    return read_dataset(path, split_file, seed, Progress())


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", {"blue": 12, "red": 12})


@pytest.fixture
def split_file(folder):
    """Per class: 0-5 train, 6-8 validation, 9-11 test."""
    rows = [f"{c}/{n:02}.png,{c},{SPLITS[max(0, n // 3 - 1)]}" for c in ("blue", "red") for n in range(12)]
    return write_csv(folder / "s.csv", "file,class,split", *rows)


def copy(folder, source, target):
    shutil.copy(folder / source, folder / target)


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_never_cut_apart(folder, seed):
    for number in range(6):
        copy(folder, f"blue/{number:02}.png", f"blue/copy{number}.png")
    data = read(folder, seed=seed)
    split = {sample.path.name: sample.split for sample in data.samples if sample.label == "blue"}
    assert all(split[f"{number:02}.png"] == split[f"copy{number}.png"] for number in range(6))
    assert data.skipped == ()
    (problem,) = data.of_kind("duplicates")
    assert problem.message.startswith(
        f"6 images are copies of another in the same split, the first {folder}/blue/copy0"
    )
    assert len(problem.paths) == 12
    for name in SPLITS:
        assert list(read_split(folder, None, name, Progress(), model_images=data.image_list()).samples) == data.of(name)


def test_the_same_picture_under_two_labels_is_left_out(folder, caplog):
    copy(folder, "blue/00.png", "red/same.png")
    copy(folder, "blue/00.png", "blue/same.png")
    data = read(folder)
    blue, red = folder / "blue" / "00.png", folder / "red" / "same.png"
    assert data.skipped == (
        (blue, f"is the same picture as {red}, which is labelled 'red'"),
        (folder / "blue" / "same.png", f"is the same picture as {red}, which is labelled 'red'"),
        (red, f"is the same picture as {blue}, which is labelled 'blue'"),
    )
    assert len(data.samples) == 23
    (problem,) = data.of_kind("two labels")
    assert problem.message == caplog.records[0].message
    assert problem.message == (
        f"{blue} is labelled 'blue' and {red}, the same picture, 'red': "
        "all 3 copies are left out: keep one, with the right label"
    )


def encode_again(path):
    """The same pixels in another file."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), found, [cv2.IMWRITE_PNG_COMPRESSION, 0])


@pytest.mark.parametrize("side", [40, 400])
def test_a_copy_is_one_whatever_its_bytes(folder, split_file, side):
    """Small pictures are decoded in full, of large files an eighth of the size is looked at first."""
    for path in folder.glob("*/*.png"):
        path.write_bytes(image(path.parent.name, int(path.stem), side, side))
    copy(folder, "blue/00.png", "red/00.png")
    copy(folder, "red/09.png", "red/06.png")
    with (folder / "red" / "00.png").open("ab") as file:
        file.write(b"\0")
    encode_again(folder / "red" / "06.png")
    for data in (read(folder), read(folder, split_file)):
        assert [path.name for path in data.of_kind("two labels")[0].paths] == ["00.png", "00.png"]
    assert {path.name: reason for path, reason in data.skipped}["06.png"] == (
        f"is a copy of {folder}/red/09.png, which is in test"
    )
    for split in SPLITS:
        assert list(read_split(folder, split_file, split, Progress()).samples) == data.of(split)


def test_what_differs_in_a_pixel_is_no_copy(folder):
    """Not even where an eighth of the size is the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    for name in ("blue/00.png", "red/00.png"):
        cv2.imwrite(str(folder / name), pixels)
        pixels[0, 0] ^= 255
    eighths = [cv2.imread(str(folder / name), cv2.IMREAD_REDUCED_COLOR_8) for name in ("blue/00.png", "red/00.png")]
    assert np.array_equal(*eighths)
    assert read(folder).of_kind("two labels") == []


def test_of_copies_in_given_splits_those_to_measure_with_stay(folder, split_file):
    copy(folder, "red/09.png", "red/00.png")  # train and test
    copy(folder, "red/09.png", "red/06.png")  # validation and test
    copy(folder, "red/07.png", "red/01.png")  # train and validation
    copy(folder, "red/03.png", "red/02.png")  # both train
    data = read(folder, split_file)
    assert {path.name: reason for path, reason in data.skipped} == {
        "00.png": f"is a copy of {folder}/red/09.png, which is in test",
        "06.png": f"is a copy of {folder}/red/09.png, which is in test",
        "01.png": f"is a copy of {folder}/red/07.png, which is in validation",
    }
    assert [problem.message for problem in data.of_kind("duplicate left out")] == [
        f"{folder}/red/00.png (and 1 more) is a copy of {folder}/red/09.png, which is in test: left out",
        f"{folder}/red/01.png is a copy of {folder}/red/07.png, which is in validation: left out",
    ]
    assert len(data.of_kind("duplicates")) == 1
    for split in SPLITS:
        found = read_split(folder, split_file, split, Progress())
        assert list(found.samples) == data.of(split)


def test_a_given_split_is_measured_without_the_files_of_the_others(folder, split_file):
    for number in range(9):
        (folder / "red" / f"{number:02}.png").unlink()
    data = read_split(folder, split_file, "test", Progress())
    assert len(data.samples) == 6
    assert data.skipped == ()


def test_a_picture_that_trains_under_another_label_is_not_measured_with(folder, split_file):
    copy(folder, "blue/00.png", "red/09.png")
    found = read_split(folder, split_file, "test", Progress())
    assert [path.name for path, _ in found.skipped] == ["09.png"]
    assert list(found.samples) == read(folder, split_file).of("test")


def test_all_images_are_measured_where_no_split_is_asked_for(folder):
    copy(folder, "blue/00.png", "red/same.png")
    data = read_split(folder, None, None, Progress())
    assert len(data.samples) == 25
    assert data.skipped == ()


def test_a_split_of_which_nothing_is_left(folder, tmp_path):
    copy(folder, "blue/00.png", "red/00.png")
    rows = ["blue/00.png,blue,train", "red/00.png,red,test"]
    with pytest.raises(BadData, match="no image of the split 'test' can be used"):
        read_split(folder, write_csv(tmp_path / "s.csv", "file,class,split", *rows), "test", Progress())


def test_the_terminal_shows_a_line_for_each_kind(folder, caplog):
    for number in range(12):
        (folder / "blue" / f"bad{number:02}.png").write_bytes(b"torn")
    (folder / "red" / "x.png").write_bytes(image("blue", 3))
    assert len(read(folder).problems) == 13
    first, second = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert first.startswith("12 files cannot be decoded and are left out (first: ")
    assert "labelled" in second


some_images = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.none() | st.sampled_from("1234567"),
        st.integers(0, 30),
        st.sampled_from([None, *SPLITS]),
    ),
    max_size=60,
).map(
    lambda rows: [
        DatasetImage(Sample(Path(f"{n}.png"), label, split, group), f"{label}{content}")
        for n, (label, group, content, split) in enumerate(rows)
    ]
)


@given(some_images, st.integers(0, 3))
def test_no_copy_and_no_group_is_cut_apart(images, seed):
    images = [DatasetImage(Sample(i.sample.path, i.sample.label, None, i.sample.group), i.digest) for i in images]
    try:
        done = split_samples([image.sample for image in images], seed, groups_with_copies(images))
    except BadData:
        assume(False)
    splits = defaultdict(set)
    for picture, sample, group in zip(images, done, group_names(done), strict=True):
        splits[picture.digest].add(sample.split)
        splits[group].add(sample.split)
    assert all(len(found) == 1 for found in splits.values())


@given(some_images)
def test_no_copy_is_left_in_two_given_splits_and_every_picture_in_one(images):
    kept, out, problems = leave_out_copies(images)
    splits = defaultdict(set)
    for picture in kept:
        splits[picture.digest].add(picture.sample.split or "train")
    assert all(len(found) == 1 for found in splits.values())
    assert splits.keys() == {image.digest for image in images}
    assert len(kept) + len(out) == len(images)
    assert bool(out) == bool(problems)


@given(some_images)
def test_without_copies_groups_are_as_they_were(images):
    images = [DatasetImage(image.sample, str(n)) for n, image in enumerate(images)]
    names = [f"group {each.sample.group}" if each.sample.group else f"image {each.digest}" for each in images]
    assert groups_with_copies(images) == names
    assert leave_out_copies(images) == (images, [], [])


@pytest.mark.parametrize("damage", ["torn", "copied"])
def test_a_given_split_of_which_nothing_is_left_is_not_cut_from_another(folder, split_file, damage):
    for label in ("blue", "red"):
        for number in (9, 10, 11):
            content = b"torn" if damage == "torn" else (folder / "blue" / "00.png").read_bytes()
            (folder / label / f"{number:02}.png").write_bytes(content)
    with pytest.raises(BadData, match="no image of the split 'test' can be used: all are undecodable, or have copies"):
        read(folder, split_file)
