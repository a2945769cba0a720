import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_folders import write_folder

from edgecls.progress import Progress
from edgecls.training.data.balance import class_weights, few_images, imbalance
from edgecls.training.data.dataset import read_dataset


def test_a_quarter_of_the_images_weighs_twice():
    assert class_weights({"a": 40, "b": 10, "c": 40}) == pytest.approx({"a": 0.9, "b": 1.8, "c": 0.9})


def test_no_class_weighs_more_than_ten_times_another():
    weights = class_weights({"common": 1000, "some": 40, "rare": 2})
    assert weights["rare"] == pytest.approx(10 * weights["common"])
    assert weights["some"] == pytest.approx(5 * weights["common"])


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 10_000), min_size=1))
def test_what_holds_for_all_counts(counts):
    weights = class_weights(counts)
    images = sum(counts.values())
    assert sum(weights[label] * count for label, count in counts.items()) / images == pytest.approx(1)
    assert max(weights.values()) <= 10.0001 * min(weights.values())
    by_count = sorted(counts, key=counts.get)
    assert [weights[label] for label in by_count] == sorted(weights.values(), reverse=True)


def test_a_data_set_weighs_what_it_trains_on(tmp_path):
    data = read_dataset(write_folder(tmp_path / "data", {"blue": 40, "red": 10}), None, 0, Progress())
    assert data.class_weights() == class_weights(data.counts()["train"])
    (problem,) = data.of_kind("imbalance")
    counts = data.counts()["train"]
    said = (
        f"the classes are imbalanced: 'blue' has {counts['blue']} training images, 'red' {counts['red']}: weights of 0."
    )
    assert problem.message.startswith(said)


@pytest.mark.parametrize(("largest", "told"), [(29, False), (30, True)])
def test_a_class_three_times_as_large_is_reported(largest, told):
    assert bool(imbalance({"a": largest, "b": 10, "c": 12})) is told


def test_classes_with_few_images_are_told():
    (problem,) = few_images({"a": 9, "b": 10})
    assert problem.message == "class 'a' has 9 images in all, too few for reliable figures: add some"
