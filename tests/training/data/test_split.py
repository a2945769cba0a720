from collections import Counter, defaultdict
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgecls.errors import BadData
from edgecls.training.data.sample import Sample
from edgecls.training.data.split import (
    TEST_SHARE,
    VALIDATION_SHARE,
    by_hash,
    group_names,
    keep_splits,
    lacking,
    separated_groups,
    split_samples,
)

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


@settings(max_examples=100)
@given(some_samples, st.integers(0, 3))
def test_what_holds_for_all_samples(samples, seed):
    try:
        done = split_samples(samples, seed)
    except BadData:
        return
    assert [replace(sample, split=None) for sample in done] == samples
    assert {sample.split for sample in done} == set(SPLITS)
    assert {sample.label for sample in done if sample.split == "train"} == {sample.label for sample in samples}
    splits = defaultdict(set)
    for sample in done:
        if sample.group:
            splits[sample.group].add(sample.split)
    assert all(len(found) == 1 for found in splits.values())
    assert split_samples(samples, seed) == done
    shuffled = Random(seed).sample(range(len(samples)), len(samples))
    assert split_samples([samples[n] for n in shuffled], seed) == [done[n] for n in shuffled]


def without_repair(samples, seed):
    """Whether the hashes alone give every class an image in every split."""
    there = {(s.label, by_hash(name, seed)) for s, name in zip(samples, group_names(samples), strict=True)}
    return there == set(product({s.label for s in samples}, SPLITS))


@settings(max_examples=60)
@given(st.integers(30, 60), st.integers(1, 30), st.integers(0, 50))
def test_no_image_moves_when_others_come_or_go(before, more, seed):
    """Where every class has an image in every split, which the hashes alone see to in all but the smallest classes."""
    everything = samples_of({None: {"a": before + more, "b": before + more}})
    chosen = set(Random(seed).sample(range(len(everything)), 2 * before))
    few = [sample for n, sample in enumerate(everything) if n in chosen]
    assume(without_repair(few, seed))
    of_few = {sample.path: sample.split for sample in split_samples(few, seed)}
    of_all = {sample.path: sample.split for sample in split_samples(everything, seed)}
    assert of_few.items() <= of_all.items()


@settings(max_examples=50)
@given(st.integers(3, 12), st.integers(0, 50))
def test_in_small_classes_at_most_the_guaranteed_images_move(count, seed):
    samples = samples_of({None: {"a": count, "b": 40}})
    more = [*samples, Sample(Path("new.png"), "a")]
    before, after = split_samples(samples, seed), split_samples(more, seed)
    moved = [one for one, two in zip(before, after, strict=False) if one != two]
    assert {sample.label for sample in moved} <= {"a"}
    assert len(moved) <= 3


def test_a_class_of_its_own_changes_nothing_for_others():
    samples = samples_of({None: {"a": 9, "b": 12}})
    more = [*samples, *samples_of({None: {"c": 5}})]
    assert split_samples(samples, 3) == split_samples(more, 3)[: len(samples)]


@settings(max_examples=50)
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


@settings(max_examples=50)
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
        assert lacking(split_samples(samples, seed)) == {}


@pytest.mark.parametrize("counts", [{"a": 100, "b": 40}, {"a": 1000, "b": 25, "c": 333}])
def test_the_shares(counts):
    """The draw is one of independent images: over many seeds its mean is what is wanted, and its spread binomial."""
    many = [split_samples(samples_of({None: counts}), seed) for seed in range(30)]
    for label, count in counts.items():
        test = [shares(done, label)["test"] for done in many]
        validation = [shares(done, label)["validation"] for done in many]
        assert sum(test) / 30 == pytest.approx(TEST_SHARE, abs=1.5 / (30 * count) ** 0.5)
        assert sum(validation) / 30 == pytest.approx(VALIDATION_SHARE * (1 - TEST_SHARE), abs=1.5 / (30 * count) ** 0.5)
        assert max(abs(share - TEST_SHARE) for share in test) < 1.6 / count**0.5


def test_another_seed_gives_other_splits():
    samples = samples_of({None: {"a": 20, "b": 20}})
    assert split_samples(samples, 0) != split_samples(samples, 1)


def test_three_images_are_enough_for_a_class():
    done = split_samples(samples_of({None: {"a": 3, "b": 3}}), 0)
    assert Counter((s.label, s.split) for s in done) == Counter(product("ab", SPLITS))


@pytest.mark.parametrize(("count", "lacks"), [(1, {"test", "validation"}), (2, {"validation"}), (2, {"test"})])
def test_a_class_of_fewer_trains_all_the_same(count, lacks):
    """Of two images the second goes to the split that its hash is nearest to."""
    found = [lacking(split_samples(samples_of({None: {"a": count, "b": 30}}), seed)) for seed in range(9)]
    assert {"a": sorted(lacks)} in [{label: sorted(splits) for label, splits in each.items()} for each in found]
    assert all(each.keys() == {"a"} and "train" not in each["a"] for each in found)


@pytest.mark.parametrize("seed", range(6))
def test_few_images_in_all_still_give_every_split_one(seed):
    for classes in (2, 3, 12):
        done = split_samples(samples_of({None: {f"class {n}": 2 for n in range(classes)}}), seed)
        assert {sample.split for sample in done} == set(SPLITS)
        assert len({sample.label for sample in done if sample.split == "train"}) == classes


def test_a_class_in_too_few_groups():
    samples = samples_of({"g": {"a": 30}, "h": {"a": 1, "b": 5}, "i": {"b": 5}, "j": {"b": 5}})
    done = split_samples(samples, 0)
    assert {sample.split for sample in done if sample.group == "g"} == {"train"}
    assert len(lacking(done)["a"]) == 1


def test_one_class_is_none():
    with pytest.raises(BadData, match=r"only one class \('a'\), and a classifier needs at least two classes: put the"):
        split_samples(samples_of({None: {"a": 30}}), 0)
    with pytest.raises(BadData, match="no image that can be used, and a classifier needs at least two"):
        split_samples([], 0)


def test_one_group_cannot_be_divided():
    said = r"none of the 60 images is left for validation: they are in 1 group \(copies are one\), and 2 classes want"
    with pytest.raises(BadData, match=said):
        split_samples(samples_of({"all": {"a": 30, "b": 30}}), 0)


def test_a_huge_group_with_a_rare_class_trains():
    """The rare class must not draw most of the other class into the test."""
    groups = {"huge": {"a": 900, "rare": 3}, **{f"small {n}": {"a": 5, "rare": 5} for n in range(20)}}
    done = split_samples(samples_of(groups), 0)
    assert {s.split for s in done if s.group == "huge"} == {"train"}
    assert shares(done, "rare")["test"] == pytest.approx(TEST_SHARE, abs=0.2)
    assert lacking(done) == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_large_group_is_not_held_out(seed):
    groups = {"large": {"a": 60}, **{f"small {n}": {"a": 4} for n in range(20)}, "other": {"b": 2}, "b": {"b": 8}}
    done = split_samples(samples_of(groups), seed)
    assert {s.split for s in done if s.group in {"large", "b"}} == {"train"}


def test_groups_of_several_classes_come_near_the_shares():
    chance = Random(0)
    groups = {str(n): {x: 1 + int(chance.expovariate(1 / 20)) for x in chance.sample("abcde", 2)} for n in range(60)}
    many = [split_samples(samples_of(groups), seed) for seed in range(20)]
    for label in "abcde":
        found = [shares(done, label)["test"] for done in many]
        assert max(found) < 0.4
        assert 0.08 < sum(found) / 20 < TEST_SHARE  # the largest groups train


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
    with pytest.raises(BadData, match="only 'a' has training images, and a classifier needs at least two classes"):
        split_samples(marked, 0)
    marked += [replace(s, split="train") for s in samples_of({None: {"c": 5}})]
    assert lacking(split_samples(marked, 0)) == {"a": ["test"], "b": ["train", "validation"], "c": ["test"]}


def test_many_classes_and_images_take_seconds_at_most():
    """Quadratic work would take minutes: 200 classes of 100 images."""
    done = split_samples(samples_of({None: {f"class {n}": 100 for n in range(200)}}), 0)
    assert lacking(done) == {}


def test_images_that_are_known_keep_their_splits_and_others_go_with_their_groups():
    samples = samples_of({"g": {"a": 3}, "h": {"b": 2}, None: {"a": 20, "b": 20}})
    known = ["train", "test", None, None, "validation", *[None] * 40]
    done = keep_splits(samples, known, 0, group_names(samples))
    assert [sample.split for sample in done[:5]] == ["train", "test", "train", "validation", "validation"]
    assert [sample.split for sample in done[5:]] == [by_hash(f"file {sample.path}", 0) for sample in samples[5:]]
