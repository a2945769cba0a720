from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.errors import BadData
from edgecls.training.data.layout import find_layout
from edgecls.training.data.split_names import split_of

PETS = ("cat", "dog")


def spread(*folders, count=3, suffix=".jpg"):
    """`count` images in each folder."""
    return [f"{folder}/{n}{suffix}" for folder in folders for n in range(count)]


def counts(names, labels=()):
    """(split, label) -> images, and the layout."""
    layout = find_layout(names, labels)
    return Counter((image.split, image.label) for image in layout.images), layout


def in_splits(*splits, labels=PETS, count=3):
    return {(split, label): count for split in splits for label in labels}


def test_class_folders_are_the_plain_layout():
    found, layout = counts([*spread("cat", "dog/2024/may", "dog/2023"), "beside.png"])
    assert found == {(None, "cat"): 3, (None, "dog"): 6}
    assert layout.assumptions == []
    assert layout.passed_over.not_taken() == "; not taken: 1 image beside the class folders (beside.png)"


@pytest.mark.parametrize(
    "names",
    [
        ("train", "valid", "test"),
        ("train", "val", "test"),
        ("Train", "Validation", "Test"),
        ("TRAINING", "dev", "TESTING"),
        ("training_set", "validation_set", "test_set"),
        ("TrainingData", "ValidationData", "TestData"),
        ("trainset", "valset", "testset"),
        ("food_train", "food_val", "food_test"),
        ("train2017", "val2017", "test2017"),
        ("training", "validation", "evaluation"),
        ("Training Images", "Validation Images", "Test Images"),
    ],
)
def test_folders_of_splits(names):
    train, valid, test = names
    found, layout = counts(spread(*(f"{split}/{pet}" for split in names for pet in PETS)))
    assert found == in_splits("train", "validation", "test")
    assert layout.passed_over.counts == {}
    assert layout.assumptions == [
        "the splits are the folders "
        + ", ".join(
            f"{name} ({split})"
            for name, split in sorted(
                zip(names, ("train", "validation", "test"), strict=True),
                key=lambda pair: layout.assumptions[0].index(pair[0]),
            )
        )
    ]
    assert {train, valid, test} == {image.name.split("/")[0] for image in layout.images}


def test_two_splits_are_enough():
    assert counts(spread("train/cat", "train/dog", "test/cat", "test/dog"))[0] == in_splits("train", "test")
    assert counts(spread("train/cat", "train/dog", "val/cat", "val/dog"))[0] == in_splits("train", "validation")


@pytest.mark.parametrize("around", ["data/", "archive/pets/", "train/"])
def test_folders_around_everything(around):
    found, layout = counts([*spread(f"{around}cat", f"{around}dog"), f"{around.split('/')[0]}.png"])
    assert found == in_splits(None)
    assert layout.assumptions == [f"the classes are the folders in {around}"]
    found, _ = counts(spread(*(f"data/{split}/{pet}" for split in ("train", "test") for pet in PETS)))
    assert found == in_splits("train", "test")


def test_kaggle_puts_folders_into_themselves():
    names = spread(
        "seg_train/seg_train/sea", "seg_train/seg_train/street", "seg_test/seg_test/sea", "seg_pred/seg_pred"
    )
    found, layout = counts(names)
    assert found == {("train", "sea"): 3, ("train", "street"): 3, ("test", "sea"): 3}
    assert layout.passed_over.not_taken() == (
        "; not taken: 3 images outside a class folder (first: seg_pred/seg_pred/0.jpg)"
    )
    folders = [f"{split}/{label}" for split in ("train", "val", "test") for label in ("NORMAL", "PNEUMONIA")]
    found, layout = counts(
        spread(*(f"chest_xray/{f}" for f in folders), *(f"chest_xray/chest_xray/{f}" for f in folders))
    )
    assert found == in_splits("train", "validation", "test", labels=("NORMAL", "PNEUMONIA"))
    assert layout.passed_over.counts == {"not in a class folder": 18}


@pytest.mark.parametrize("test", ["test", "test/test", "test/unknown", "test1", "test/images"])
def test_a_test_without_classes_is_left_out(test):
    found, layout = counts(spread("train/cat", "train/dog", test))
    assert found == in_splits(None)
    assert layout.passed_over.counts == {"without a label": 3}
    assert layout.assumptions == ["the classes are the folders in train/"]


def test_a_class_that_only_one_split_has_stays():
    found, _ = counts(spread("train/cat", "train/dog", "test/cat", "test/dog", "test/emu"))
    assert found["test", "emu"] == 3


def test_splits_in_each_class():
    found, layout = counts(spread(*(f"{pet}/{split}" for pet in PETS for split in ("train", "test"))))
    assert found == in_splits("train", "test")
    assert layout.assumptions == ["the splits are the folders test, train in each class"]
    assert counts(spread("cat/train", "cat/test"), ["cat", "dog"])[0] == in_splits("train", "test", labels=["cat"])


def test_splits_in_some_classes_only_are_none():
    found, layout = counts(spread("cat/train", "cat/test", "dog"))
    assert found == {(None, "cat"): 6, (None, "dog"): 3}
    assert layout.assumptions == ["folders like cat/test are not used as splits"]


@pytest.mark.parametrize("around", ["", "train/", "COVID/"])
def test_masks_are_not_taken(around):
    names = [f"{around}{pet}/{kind}" for pet in PETS for kind in ("images", "masks")]
    found, layout = counts(spread(*names))
    assert found == in_splits(None)
    assert layout.passed_over.counts == {"mask": 6}


def test_masks_beside_splits_in_each_class_are_not_taken():
    found, layout = counts(spread(*(f"{pet}/{part}" for pet in PETS for part in ("train", "test", "ground_truth"))))
    assert found == in_splits("train", "test")
    assert layout.passed_over.counts == {"mask": 6}


@pytest.mark.parametrize("other", ["samples", "extra/birds"])
def test_a_data_set_with_splits_beside_another_folder_is_not_a_class(other):
    names = spread(*(f"pets/{split}/{pet}" for split in ("train", "test") for pet in PETS), other)
    with pytest.raises(BadData, match=r"pets holds folders of splits .*: name pets as the data set, or --exclude"):
        find_layout(names)
    assert counts(names, ["pets"])[0] == {(None, "pets"): 12, (None, other.partition("/")[0]): 3}


def test_masks_beside_the_images():
    names = [
        "benign/a (1).png",
        "benign/a (1)_mask.png",
        "benign/a (1)_mask_1.png",
        "malignant/b.jpg",
        "malignant/b_MASK.png",
    ]
    found, layout = counts([*names, *spread("benign/masks", count=1)])
    assert found == {(None, "benign"): 1, (None, "malignant"): 1}
    assert layout.passed_over.counts == {"mask": 4}


def test_images_and_masks_around_the_classes():
    found, layout = counts(spread("images/cat", "images/dog", "masks/cat", "masks/dog"))
    assert found == in_splits(None)
    assert layout.passed_over.counts == {"mask": 6}


@pytest.mark.parametrize(
    "folders",
    [
        ("mask", "no mask"),
        ("with_mask", "without_mask"),
        ("train", "car"),
        ("train", "car", "plane"),
        ("images", "text"),
        ("train", "test", "bus"),
        ("cat", "labels"),
    ],
)
def test_classes_with_such_names(folders):
    assert counts(spread(*folders))[0] == in_splits(None, labels=folders)


def test_classes_with_such_names_in_splits():
    names = spread(*(f"{split}/{label}" for split in ("train", "test") for label in ("train", "car")))
    assert counts(names)[0] == in_splits("train", "test", labels=("train", "car"))


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (
            ("train", "test"),
            "test and train hold images but no class folders: put the images of each class in a folder",
        ),
        (("train/images", "train/masks", "val/images", "val/masks"), "train and val hold images but no class folders"),
        (("images/train", "images/val"), "train and val hold images but no class folders"),
        (
            ("train/cat", "train/dog", "test/1", "test/2", "test/3", "test/4"),
            r"the folders in test/ \(1, 2, 3, ...\) are not those in train/ \(cat, dog\): give the classes the same names",
        ),
        (
            ("train/good", "test/good", "test/hole", "test/crack", "ground_truth/hole", "ground_truth/crack"),
            r"the folders in test/ \(crack, good, hole\) are not those in train/ \(good\)",
        ),
        (
            ("train/cat", "train/dog", "unlabeled"),
            r"train holds folders \(cat, dog\), and unlabeled beside it may be classes",
        ),
        (
            ("train/cat", "train/dog", "more/cat", "more/dog"),
            r"train holds folders \(cat, dog\), and more beside it may be",
        ),
        (("train/images", "val/images", "runs/x"), "train and val hold images but no class folders"),
    ],
)
def test_what_cannot_be_told(folders, said):
    with pytest.raises(BadData, match=said):
        counts(spread(*folders))


def test_classes_and_splits_in_one_name():
    found, layout = counts(spread("cats_train", "cats_test", "dogs-train", "dogs-test"))
    assert found == in_splits("train", "test", labels=("cats", "dogs"))
    assert layout.assumptions == [
        "classes and splits are in the names of the folders cats_test, cats_train, dogs-test, ..."
    ]


def test_a_copy_of_the_data_set_within_itself_is_not_taken():
    found, layout = counts(spread("flowers/rose", "flowers/tulip", "flowers/flowers/rose", "flowers/flowers/tulip"))
    assert found == in_splits(None, labels=("rose", "tulip"))
    assert layout.passed_over.counts == {"not in a class folder": 6}


def test_folders_in_folders_may_be_the_classes():
    found, layout = counts(spread("augmented/cat", "augmented/dog", "original/cat", "original/dog"))
    assert found == {(None, "augmented"): 6, (None, "original"): 6}
    (line,) = layout.assumptions
    assert line.startswith(
        "the classes are augmented, original, though each has the folders cat, dog: if these are the"
    )


def test_splits_below_a_folder_of_images():
    names = spread(*(f"{pet}/images/{split}" for pet in PETS for split in ("train", "test")))
    assert counts(names)[0] == in_splits("train", "test")


def test_one_folder_that_is_a_known_class_is_a_class():
    names = spread("cat/2023", "cat/2024")
    assert counts(names, ["cat", "dog"])[0] == {(None, "cat"): 6}
    assert counts(names)[0] == in_splits(None, labels=("2023", "2024"))


@pytest.mark.parametrize("name", ["cat", "training session test", "attest", "interval", "tested", "contest", "trained"])
def test_names_that_mean_no_split(name):
    assert split_of(name) is None


parts = st.sampled_from(["train", "test", "val", "cat", "dog", "images", "masks", "data", "mask", "a"])


@given(st.lists(st.lists(parts, max_size=4).map(lambda folders: "/".join([*folders, "x"])), max_size=12))
def test_every_image_is_taken_once_or_counted(names):
    names = [f"{name}{n}.jpg" for n, name in enumerate(names)]
    try:
        layout = find_layout(names)
    except BadData:
        return
    taken = [image.name for image in layout.images]
    assert len(set(taken)) == len(taken)
    assert len(taken) + sum(layout.passed_over.counts.values()) == len(names)
    assert set(taken) <= set(names)
    for image in layout.images:
        assert any(image.label in folder for folder in image.name.split("/")[:-1])
