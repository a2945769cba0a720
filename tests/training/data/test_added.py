"""Reviewed images that join a data set."""

import pytest
from image_folders import image, write_folder

from edgecls.errors import BadData
from edgecls.progress import Progress
from edgecls.training.data.dataset import read_dataset
from edgecls.training.data.samples import reviewed_samples


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", {"blue": 9, "red": 6})


@pytest.fixture
def frames(tmp_path):
    """Make files of images: (colour, seed) -> path."""
    (tmp_path / "frames").mkdir()

    def make(colour, seed):
        path = tmp_path / "frames" / f"{colour}-{seed}.png"
        path.write_bytes(image(colour, seed))
        return path

    return make


def read(folder, reviewed=(), seed=0):
    return read_dataset(folder, None, seed, Progress(), reviewed=reviewed_samples(reviewed))


def test_they_train_and_never_measure(folder, frames):
    before = read(folder)
    data = read(folder, [(frames("blue", 100 + n), "red") for n in range(5)])
    assert data.added == 5
    assert data.counts()["train"]["red"] == before.counts()["train"]["red"] + 5
    assert data.counts()["train"]["blue"] == before.counts()["train"]["blue"]
    assert data.of("test") == before.of("test")
    assert data.of("validation") == before.of("validation")
    assert set(before.samples) < set(data.samples)
    assert data.fingerprint != before.fingerprint
    assert (before.added, data.skipped) == (0, ())


def test_what_the_data_set_has_already_is_left_out(folder, frames, caplog):
    before = read(folder)
    same = [(frames("blue", n), "blue") for n in range(9)]
    data = read(folder, [*same, (frames("red", 0), "blue"), (frames("red", 50), "red")])
    assert data.added == 1
    assert data.of("test") == before.of("test")
    assert [reason for path, reason in data.skipped if path.name == "blue-3.png"] == [
        f"is the same picture as {folder / 'blue' / '03.png'} of the data set"
    ]
    (contradiction,) = data.of_kind("two labels")
    assert "red-0.png was reviewed as 'blue', and the data set labels" in contradiction.message
    assert contradiction.message in caplog.messages
    assert len(data.skipped) == 10


def test_two_reviews_that_contradict_each_other_are_both_left_out(folder, frames, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(image("green", 7))
    data = read(folder, [(frames("green", 7), "red"), (copy, "blue")])
    assert data.added == 0
    assert len(data.of_kind("two labels")) == 1
    assert len(data.skipped) == 2


def test_what_is_gone_or_broken_is_left_out_and_named(folder, frames, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    data = read(folder, [(tmp_path / "gone.jpg", "red"), (broken, "red"), (frames("red", 70), "red")])
    assert data.added == 1
    assert {path.name for path, _ in data.skipped} == {"gone.jpg", "broken.jpg"}
    with pytest.raises(BadData, match=r"none of the 2 reviewed images can be read.*--review-images.*the first: .*gone"):
        read(folder, [(tmp_path / "gone.jpg", "red"), (broken, "red")])


def test_a_new_class_needs_enough_images_and_is_then_measured(folder, frames):
    green = [(frames("green", n), "green") for n in range(10)]
    with pytest.raises(BadData, match="the data set has no class 'green', and 9 reviewed images are not enough"):
        read(folder, green[:9])
    data = read(folder, [*green, (frames("red", 70), "red")])
    assert data.labels == ("blue", "green", "red")
    assert data.added == 11
    assert sum(counts["green"] for counts in data.counts().values()) == 10
    assert all(counts["green"] for counts in data.counts().values())
    assert data.counts()["test"]["red"] == read(folder).counts()["test"]["red"]
    assert read(folder, [*green, (frames("red", 70), "red")]) == data


def test_copies_of_one_picture_make_no_class(folder, tmp_path):
    places = [tmp_path / f"{n}.png" for n in range(10)]
    for place in places:
        place.write_bytes(image("green"))
    with pytest.raises(
        BadData, match=r"the images of the new class 'green' are in too few groups \(copies are one group\), with none"
    ):
        read(folder, [(place, "green") for place in places])


def test_a_label_that_no_class_can_have():
    with pytest.raises(BadData, match="the class name 'Unknown' is reserved"):
        reviewed_samples([("a.png", "Unknown")])


def test_reviews_take_the_spelling_of_the_data_set(folder, tmp_path):
    place = tmp_path / "reviewed.png"
    place.write_bytes(image("blue", 50))
    data = read(folder, [(place, "Blu\u200be ")])
    assert (data.added, data.labels) == (1, ("blue", "red"))
