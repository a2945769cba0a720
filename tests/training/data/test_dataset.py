from dataclasses import replace

import pytest
from image_folders import DATA, image, write_csv, write_folder

from edgecls.errors import BadData, InputNotFound, UsageError
from edgecls.progress import Progress
from edgecls.training.data.dataset import SPLITS, read_dataset
from edgecls.training.data.read_split import read_split

COUNTS = {"blue": 9, "red": 6}


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", COUNTS)


def read(path, split_file=None, seed=0):
    return read_dataset(path, split_file, seed, Progress())


def test_labels_counts_and_splits(folder):
    data = read(folder)
    assert data.labels == ("blue", "red")
    counts = data.counts()
    assert {label: sum(counts[split][label] for split in SPLITS) for label in COUNTS} == COUNTS
    assert all(counts[split][label] for split in SPLITS for label in COUNTS)
    assert [len(data.of(split)) for split in SPLITS] == [sum(counts[split].values()) for split in SPLITS]
    assert data.skipped == ()


def test_files_that_do_not_decode_are_named_counted_and_left_out(folder, caplog):
    whole = image("blue", 3)
    bad = {
        "cut.png": (whole[: len(whole) // 4], "is cut off or damaged: the end of the PNG is missing"),
        "empty.jpg": (b"", "is empty"),
        "text.jpg": (b"not an image at all\n", "is a text file, not an image: remove it"),
    }
    before = read(folder)
    for name, (content, _) in bad.items():
        (folder / "blue" / name).write_bytes(content)
    data = read(folder)
    assert [(path.name, reason) for path, reason in data.skipped] == [
        (name, reason) for name, (_, reason) in bad.items()
    ]
    assert [problem.message for problem in data.of_kind("undecodable")] == [
        f"{folder / 'blue' / name} {reason}: left out" for name, (_, reason) in bad.items()
    ]
    assert f"3 files cannot be decoded and are left out (first: {folder / 'blue' / 'cut.png'})" in caplog.text
    assert data.samples == before.samples


def test_files_that_are_not_there_are_left_out(folder):
    rows = [f"{label}/{number:02}.png,{label}" for label, count in COUNTS.items() for number in range(count)]
    table = write_csv(folder / "t.csv", "path,label", *rows, "blue/99.png,blue", "red,red", "\x01.png,red")
    data = read(table)
    assert len(data.samples) == 15
    assert [reason for _, reason in data.skipped] == [
        "cannot be read: no such file or folder",
        "cannot be read: no such file or folder",
        "cannot be read: it is a folder: name a file",
    ]
    assert len(data.of_kind("undecodable")) == 3


def test_a_class_of_which_nothing_decodes_is_named(folder):
    for n in range(6):
        (folder / "green").mkdir(exist_ok=True)
        (folder / "green" / f"{n}.jpg").write_bytes(b"not an image at all\n")
    data = read(folder)
    assert data.labels == ("blue", "red")
    (problem,) = data.of_kind("class left out")
    assert problem.message == "class 'green' is left out: none of its 6 images can be used"


def test_nothing_decodes(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.jpg").write_text("no image")
    said = r"none of the 2 files in .* is an image that can be decoded: check the data set; 2 files were left out, .*1\.jpg"
    with pytest.raises(BadData, match=said):
        read(tmp_path)


def test_a_class_with_one_image_left_is_trained_and_named(folder):
    for path in sorted((folder / "red").iterdir())[1:]:
        path.write_bytes(b"torn")
    data = read(folder)
    assert {split: counts["red"] for split, counts in data.counts().items()} == {"train": 1, "validation": 0, "test": 0}
    assert [problem.message for problem in data.of_kind("class not in every split")] == [
        "class 'red' has no validation image: it is never answered where a precision is requested: add images of it",
        "class 'red' has no test image: its accuracy is unknown: add images of it",
    ]


def test_a_failure_names_the_files_that_do_not_decode(folder):
    for path in (folder / "red").iterdir():
        path.write_bytes(b"torn")
    with pytest.raises(BadData, match=r"only one class \('blue'\).*; 6 files were left out, the first: "):
        read(folder)


def test_a_class_without_training_images_is_left_out_and_named(folder, tmp_path):
    (folder / "emu").mkdir()
    (folder / "emu" / "00.png").write_bytes(image("emu"))
    rows = [f"{label}/{n:02}.png,{label},{('train', 'val', 'test')[n % 3]}" for label in COUNTS for n in range(6)]
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", *rows, "emu/00.png,emu,test")
    data = read(folder, split_file)
    assert data.labels == ("blue", "red")
    assert [(path.name, reason) for path, reason in data.skipped] == [
        ("00.png", "is of a class without training images")
    ]
    said = "class 'emu' has no training image: its 1 image is left out: move some to the training split"
    assert [problem.message for problem in data.of_kind("class left out")] == [said]
    assert list(read_split(folder, split_file, "test", Progress()).samples) == data.of("test")


@pytest.mark.parametrize("split", SPLITS)
def test_images_keep_the_split_that_the_model_was_made_with(folder, split):
    before = read(folder)
    for n in range(30):
        (folder / "blue" / f"new {n}.png").write_bytes(image("blue", 100 + n))
    (folder / "red" / "00.png").rename(folder / "red" / "renamed.png")
    (folder / "red" / "01.png").unlink()
    used = before.image_list()
    after = read_split(folder, None, split, Progress(), model_images=used)
    known = {content: used.split_of(*content) for content in after.contents}
    assert set(known.values()) <= {split, None}
    assert sum(each == split for each in known.values()) >= len(before.of(split)) - 1
    assert None in known.values()
    assert used.missing(after.everything) == 1


def test_a_data_set_of_one_class_is_measured_with_a_list(folder, tmp_path):
    used = read(folder).image_list()
    red = write_folder(tmp_path / "other", {"red": 20})
    found = read_split(red, None, "test", Progress(), model_images=used, labels=("blue", "red"))
    assert 0 < len(found.samples) < 20
    one = write_folder(tmp_path / "one", {"green": 1})
    with pytest.raises(BadData, match=r"no image of .*one is in the split 'validation': omit --split to measure"):
        read_split(one, None, "validation", Progress(), model_images=used)


def test_an_image_that_is_saved_again_is_known_by_its_pixels(folder):
    used = read(folder).image_list()
    path = folder / "red" / "00.png"
    path.write_bytes(path.read_bytes() + b"a comment behind the end")
    whole = read_split(folder, None, None, Progress())
    assert all(used.split_of(*content) for content in whole.contents)
    assert used.missing(whole.everything) == 0


def test_one_class_only(tmp_path):
    with pytest.raises(BadData, match=r"only one class \('red'\).* in the CSV with their label$"):
        read(write_folder(tmp_path / "one", {"red": 9}))


def test_a_failure_names_the_file_that_is_missing(folder):
    """The class that is lacking is a slip in its path, and only its name tells."""
    rows = [f"red/{number:02}.png,red" for number in range(6)]
    table = write_csv(folder / "t.csv", "path,label", *rows, "bleu/00.png,blue")
    with pytest.raises(BadData, match=r"only one class .*; left out: .*/bleu/00\.png cannot be read: no such file or"):
        read(table)


def test_a_failure_names_the_picture_under_two_labels(folder):
    for number in range(6):
        (folder / "blue" / f"copy {number}.png").write_bytes((folder / "red" / f"{number:02}.png").read_bytes())
    with pytest.raises(
        BadData, match=r"only one class .*; 12 files were left out, the first: .* is the same picture as"
    ):
        read(folder)


def test_a_given_split_without_an_image_names_its_file(folder, tmp_path):
    rows = ["red/00.png,red,train", "blue/00.png,blue,train", "red/99.png,red,test"]
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", *rows)
    with pytest.raises(
        BadData, match=r"no image of the split 'test' can be used.*; left out: .*99\.png cannot be read"
    ):
        read(folder, split_file)


def test_no_such_data_set(tmp_path):
    with pytest.raises(InputNotFound):
        read(tmp_path / "none")


def test_the_fingerprint_is_of_labels_splits_and_contents(folder, tmp_path):
    first = read(folder).fingerprint
    assert read(folder.rename(tmp_path / "elsewhere")).fingerprint == first
    folder = tmp_path / "elsewhere"
    assert read(folder, seed=1).fingerprint != first
    (folder / "red").rename(folder / "rot")
    assert read(folder).fingerprint != first
    (folder / "rot").rename(folder / "red")
    assert read(folder).fingerprint == first
    (folder / "red" / "00.png").write_bytes(image("green"))
    assert read(folder).fingerprint != first


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_to_measure_is_the_one_in_the_model_file(folder, split):
    data = read(folder, seed=5)
    found = read_split(folder, None, split, Progress(), model_images=data.image_list())
    assert list(found.samples) == data.of(split)
    assert found.fingerprint != data.fingerprint
    whole = read_split(folder, None, None, Progress())
    assert [replace(sample, split=None) for sample in data.samples] == list(whole.samples)


def test_a_split_that_is_named_may_lack_classes(folder, tmp_path):
    rows = ["red/00.png,red,test", "red/01.png,red,train", "blue/00.png,blue,train"]
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", *rows)
    found = read_split(folder, split_file, "test", Progress())
    assert [sample.path.name for sample in found.samples] == ["00.png"]


def test_a_split_that_is_not_named_is_the_one_in_the_model_file(folder, tmp_path):
    rows = [
        f"{s.path.relative_to(folder)},{s.label},{'test' if s.split == 'test' else 'train'}"
        for s in read(folder).samples
    ]
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", *rows)
    data = read(folder, split_file, seed=3)
    listed = data.image_list()
    found = read_split(folder, split_file, "validation", Progress(), model_images=listed)
    assert list(found.samples) == data.of("validation")


def test_a_split_that_is_nowhere(folder, tmp_path):
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", "red/00.png,red,test")
    with pytest.raises(
        BadData, match=r"s\.csv has no images in the split 'train': choose another one, or omit --split"
    ):
        read_split(folder, split_file, "train", Progress())
    with pytest.raises(UsageError, match=r"unknown split 'dev' \(known: train, validation, test\)"):
        read_split(folder, None, "dev", Progress())
    with pytest.raises(UsageError, match=r"names no test images, and the model file lists none: pass --split-file"):
        read_split(folder, None, "test", Progress())


def test_the_real_photographs(tmp_path):
    root = DATA / "grocery10"
    if not root.exists():
        pytest.skip("no real photographs beside the repository")
    header, *lines = (root / "splits.csv").read_text().splitlines()
    kinds = {",".join(line.split(",")[1:3]): line for line in lines}  # one image of each class for each split
    data = read(root, write_csv(tmp_path / "some.csv", header, *kinds.values()))
    assert data.counts() == {split: dict.fromkeys(data.labels, 1) for split in SPLITS}
    assert len(data.labels) == 10
    assert data.skipped == ()
