from collections import Counter, defaultdict
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgecls.convert.data.samples import Sample
from edgecls.convert.data.split import TEST_SHARE, VALIDATION_SHARE, separated_groups, split_samples
from edgecls.errors import BadData

SPLITS = ("train", "validation", "test")


def samples_of(groups):
    """{group: {label: count}} -> samples; a group called None is no group."""
    return [
        Sample(Path(f"{group}-{label}-{n}.png"), label, group=group)
        for group, counts in groups.items()
        for label, count in counts.items()
        for n in range(count)
    ]


def shares(samples, label):
    found = Counter(sample.split for sample in samples if sample.label == label)
    return {split: found[split] / found.total() for split in SPLITS}


some_samples = st.lists(
    st.tuples(st.sampled_from("abcd"), st.none() | st.sampled_from("1234567"), st.integers(1, 5)),
    min_size=1,
    max_size=40,
).map(
    lambda rows: [
        Sample(Path(f"{i}-{n}.png"), label, group=group)
        for i, (label, group, count) in enumerate(rows)
        for n in range(count)
    ]
)


@settings(max_examples=300)
@given(some_samples, st.integers(0, 3))
def test_what_holds_for_all_samples(samples, seed):
    try:
        done = split_samples(samples, seed)
    except BadData:
        return
    assert [replace(sample, split=None) for sample in done] == samples
    assert {(s.label, s.split) for s in done} == set(product({s.label for s in samples}, SPLITS))
    splits = defaultdict(set)
    for sample in done:
        if sample.group:
            splits[sample.group].add(sample.split)
    assert all(len(found) == 1 for found in splits.values())
    assert split_samples(samples, seed) == done


@settings(max_examples=100)
@given(some_samples, st.data())
def test_splits_that_are_given_stay(samples, data):
    wanted = data.draw(st.sampled_from([("train", "test"), ("train", "validation"), SPLITS, ("train", "test", None)]))
    marks = data.draw(st.lists(st.sampled_from(wanted), min_size=len(samples), max_size=len(samples)))
    samples = [replace(sample, split=mark) for sample, mark in zip(samples, marks, strict=True)]
    try:
        done = split_samples(samples, 0)
    except BadData:
        return
    held_out = [(a, b) for a, b in zip(samples, done, strict=True) if a.split in {"validation", "test"}]
    assert all(before == after for before, after in held_out)
    assert all(sample.split for sample in done)


@settings(max_examples=100)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), min_size=1), min_size=3, max_size=6),
    st.integers(0, 3),
)
def test_a_division_is_found_wherever_there_is_one(groups, seed):
    labels = {label for counts in groups for label in counts}
    assume(len(labels) > 1)
    possible = any(
        all(
            {split for split, counts in zip(tried, groups, strict=True) if label in counts} == set(SPLITS)
            for label in labels
        )
        for tried in product(SPLITS, repeat=len(groups))
    )
    samples = samples_of({str(n): counts for n, counts in enumerate(groups)})
    if possible:
        split_samples(samples, seed)
    else:
        with pytest.raises(BadData, match=r"(and none|none left) for (train|validation|test): "):
            split_samples(samples, seed)


@pytest.mark.parametrize("counts", [{"a": 100, "b": 40}, {"a": 1000, "b": 25, "c": 333}])
def test_the_shares(counts):
    done = split_samples(samples_of({None: counts}), seed=0)
    for label, count in counts.items():
        found = shares(done, label)
        assert found["test"] == pytest.approx(TEST_SHARE, abs=0.5 / count + 1e-9)
        assert found["validation"] == pytest.approx(VALIDATION_SHARE * (1 - TEST_SHARE), abs=1 / count)


def test_another_seed_gives_other_splits():
    samples = samples_of({None: {"a": 20, "b": 20}})
    assert split_samples(samples, 0) != split_samples(samples, 1)


def test_three_images_are_enough_for_a_class():
    done = split_samples(samples_of({None: {"a": 3, "b": 3}}), 0)
    assert Counter((s.label, s.split) for s in done) == Counter(product("ab", SPLITS))


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_are_not(count):
    with pytest.raises(BadData, match=rf"class 'a' has {count} usable images? and none for"):
        split_samples(samples_of({None: {"a": count, "b": 30}}), 0)


def test_a_class_in_too_few_groups():
    samples = samples_of({"g": {"a": 30}, "h": {"a": 1, "b": 5}, "i": {"b": 5}, "j": {"b": 5}})
    with pytest.raises(
        BadData, match=r"class 'a' is in only 2 groups \(copies are one\), with none left for .* smaller"
    ):
        split_samples(samples, 0)


def test_one_class_is_none():
    with pytest.raises(BadData, match=r"only one class \('a'\), and a classifier needs at least two classes: put the"):
        split_samples(samples_of({None: {"a": 30}}), 0)
    with pytest.raises(BadData, match="no image that can be used, and a classifier needs at least two"):
        split_samples([], 0)


def test_one_group_cannot_be_divided():
    with pytest.raises(BadData, match="class 'a' is in only 1 group"):
        split_samples(samples_of({"all": {"a": 30, "b": 30}}), 0)


def test_a_huge_group_with_a_rare_class_trains():
    """The rare class must not draw most of the other class into the test."""
    groups = {"huge": {"a": 900, "rare": 3}, **{f"small {n}": {"a": 5, "rare": 5} for n in range(20)}}
    done = split_samples(samples_of(groups), 0)
    assert {s.split for s in done if s.group == "huge"} == {"train"}
    assert shares(done, "rare")["test"] == pytest.approx(TEST_SHARE, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_a_large_group_does_not_end_the_search(seed):
    groups = {
        "large": {"a": 60},
        **{f"small {n}": {"a": 4} for n in range(20)},
        **{f"other {n}": {"b": 2} for n in range(9)},
    }
    found = shares(split_samples(samples_of(groups), seed), "a")
    assert found["test"] == pytest.approx(TEST_SHARE, abs=0.03)
    assert found["validation"] == pytest.approx(VALIDATION_SHARE * (1 - TEST_SHARE), abs=0.03)


def test_groups_of_several_classes_come_near_the_shares():
    chance = Random(0)
    groups = {str(n): {x: 1 + int(chance.expovariate(1 / 20)) for x in chance.sample("abcde", 2)} for n in range(60)}
    done = split_samples(samples_of(groups), 0)
    for label in "abcde":
        assert shares(done, label)["test"] == pytest.approx(TEST_SHARE, abs=0.06)
        assert shares(done, label)["validation"] == pytest.approx(VALIDATION_SHARE * (1 - TEST_SHARE), abs=0.06)


def test_a_file_that_is_listed_twice_is_one_group():
    samples = samples_of({None: {"a": 10, "b": 10}})
    done = split_samples([*samples, *samples], 0)
    assert done[:20] == done[20:]


def test_splits_that_separate_a_group_are_found():
    groups = samples_of({"one": {"a": 3, "b": 3}, "two": {"a": 1, "b": 1}})
    marked = [replace(s, split=split) for s, split in zip(groups, [*SPLITS, *SPLITS, "train", None], strict=True)]
    assert separated_groups(marked) == {"group one": marked[:6]}
    assert separated_groups(groups) == {}
    done = split_samples(marked, 0)
    assert done[:7] == marked[:7]


def test_given_splits_that_lack_a_class():
    marked = [replace(s, split="train" if s.label == "a" else "test") for s in samples_of({None: {"a": 9, "b": 9}})]
    with pytest.raises(BadData, match="class 'a' has 9 usable images and none for test"):
        split_samples(marked, 0)


def test_many_classes_and_images_take_seconds_at_most():
    """Quadratic work would take minutes: 200 classes of 100 images."""
    done = split_samples(samples_of({None: {f"class {n}": 100 for n in range(200)}}), 0)
    assert Counter(s.split for s in done) == {"train": 13600, "validation": 2400, "test": 4000}
