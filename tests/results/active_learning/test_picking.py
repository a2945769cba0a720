"""Which rows are the most worth labelling."""

from collections import Counter
from contextlib import closing
from datetime import timedelta

import pytest
from example_rows import NOON, begin, failed, frame
from harvests import fill, row, write_image
from hypothesis import given
from hypothesis import strategies as st

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.harvest import Candidate, SampleRequest, rank_candidates, read_candidates
from edgecls.results.active_learning.images import Images
from edgecls.results.active_learning.picking import Picker
from edgecls.results.active_learning.reviews import Reviews
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.names import labels_of_models


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "inbox"


def pick(path, which=NO_FILTERS, **request):
    """(the picks, the picker)."""
    with closing(open_results(path)) as db:
        picker = Picker(db, Images(), SampleRequest(**request))
        return list(picker.pick(rank_candidates(read_candidates(db, which), picker.request))), picker


def ids(picks, reason):
    return [each.row.id for each in picks if each.reason == reason]


def test_half_by_chance_and_half_of_what_the_model_is_unsure_of(path, folder):
    with Store(path) as store:
        fill(store, folder, 60)
    picks, _ = pick(path, budget=20)
    assert Counter(each.reason for each in picks) == {
        "random": 10,
        "unknown": len(ids(picks, "unknown")),
        "low margin": 10 - len(ids(picks, "unknown")),
    }
    assert len({each.row.id for each in picks}) == 20
    unsure = [each for each in picks if each.reason != "random"]
    assert [each.row.predicted == UNKNOWN for each in unsure] == sorted(
        (each.row.predicted == UNKNOWN for each in unsure), reverse=True
    )
    margins = [each.row.margin for each in unsure if each.reason == "low margin"]
    assert margins == sorted(margins)
    with closing(open_results(path)) as db:
        left = [each for each in read_candidates(db) if each.id not in {pick.row.id for pick in picks}]
    assert min(each.margin for each in left if each.label != UNKNOWN) >= max(margins)
    assert pick(path, budget=20)[0] == picks
    assert ids(pick(path, budget=20, seed=1)[0], "random") != ids(picks, "random")


def test_without_control_and_with_nothing_else(path, folder):
    with Store(path) as store:
        fill(store, folder, 30)
    assert not ids(pick(path, budget=10, random_share=0)[0], "random")
    assert len(ids(pick(path, budget=10, random_share=1)[0], "random")) == 10
    assert len(pick(path, budget=100, random_share=0.3)[0]) == 30


def test_chance_draws_every_row_alike():
    """Of all that is asked for by chance: over many seeds each of 20 rows comes up about equally often."""
    rows = [Candidate(n, "tabby", "tabby", n / 20) for n in range(20)]
    drawn = Counter(
        number for seed in range(400) for number in rank_candidates(rows, SampleRequest(5, seed=seed)).random[:5]
    )
    assert set(drawn) == set(range(20))
    assert min(drawn.values()) > 70 < max(drawn.values()) < 130  # 100 expected, 3.5 standard deviations each way


def test_a_label_that_is_seldom_answered_is_not_forgotten():
    rows = [Candidate(n, "tabby", "tabby", 0.1) for n in range(1000)]
    rows += [Candidate(1000 + n, "lynx", "lynx", 0.9 - n / 100) for n in range(5)]
    order = rank_candidates(rows, SampleRequest(20, random_share=0))
    assert order.rare == [1004, 1003, 1002, 1001, 1000]
    assert rank_candidates(rows[:1000], SampleRequest(20)).rare == []


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 1))),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_the_order_is_that_of_sorting_everything(found, budget, per_label):
    rows = [
        Candidate(n, UNKNOWN if unknown else guess, guess, margin) for n, (guess, unknown, margin) in enumerate(found)
    ]
    order = rank_candidates(rows, SampleRequest(budget, per_label=per_label))
    everything = sorted(rows, key=lambda each: (each.label != UNKNOWN, each.margin, each.id))
    if per_label is None:
        assert order.unsure == everything[: 4 * budget]
    else:
        by_guess = {guess: [each for each in everything if each.guess == guess][: 4 * per_label] for guess in "abc"}
        assert sorted(order.unsure) == sorted(each for some in by_guess.values() for each in some)
    assert len(order.random) == min(len(rows), 4 * budget)


def test_what_has_no_image_no_prediction_or_a_review_is_left_out(path, folder):
    with Store(path) as store:
        begin(store)
        for n in range(4):
            store.write(row(write_image(folder, f"{n}.png", n), "tabby"))
        store.write(failed("broken.png"))
        store.write(frame("camera", path=None))
    with Reviews(path) as reviews:
        reviews.put(2, "lynx")
    with closing(open_results(path)) as db:
        assert [each.id for each in read_candidates(db)] == [1, 3, 4]


def test_filters(path, folder):
    with Store(path) as store:
        fill(store, folder, 12)
    which = Filters(labels=("puma",), since=NOON + timedelta(minutes=4), until=NOON + timedelta(minutes=10))
    assert {each.row.id for each in pick(path, which)[0]} == {5, 8}


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"devices": ("pi4",)}, [1, 3]),
        ({"devices": ("pi5",), "models": ("cats",)}, [2]),
        ({"models": ("CDCD",)}, [3]),
        ({"models": ("dogs",), "devices": ("pi5",)}, []),
        ({"models": ("%",)}, []),
    ],
)
def test_of_one_device_or_model(path, folder, runs, expected):
    with Store(path) as store:
        for n, changes in enumerate(({}, {"device": "pi5"}, {"sha256": "cd" * 32, "model_name": "dogs"})):
            begin(store, **changes)
            store.write(row(write_image(folder, f"{n}.png", n), "tabby"))
    with closing(open_results(path)) as db:
        assert [each.id for each in read_candidates(db, Filters(**runs))] == expected


def test_a_label_gets_at_most_its_limit(path, folder):
    with Store(path) as store:
        fill(store, folder, 60)
    picks, _ = pick(path, budget=30, random_share=0, per_label=4)
    assert Counter(each.row.guess for each in picks) == dict.fromkeys(("lynx", "puma", "tabby"), 4)


def test_look_alikes_are_picked_once_but_chance_draws_as_it_does(path, folder):
    with Store(path) as store:
        begin(store)
        for n in range(10):
            image = write_image(folder, f"{n}.png", seed=n // 5)
            image.write_bytes(image.read_bytes() + bytes(n))  # the same picture, and another file
            store.write(row(image, "tabby", 0.6, 0.3 + n / 100))
    picks, picker = pick(path, random_share=0)
    assert [each.row.id for each in picks] == [10, 5]  # of each five the one with the least margin
    assert picker.look_alikes == 8
    assert len(pick(path, budget=10, random_share=1)[0]) == 10


def test_images_that_are_gone_or_others_are_passed_over_and_named(path, folder):
    with Store(path) as store:
        fill(store, folder, 12)
    (folder / "003.png").unlink()
    write_image(folder, "004.png", seed=99)
    picks, picker = pick(path, budget=12, random_share=1)
    assert {each.row.id for each in picks} == set(range(1, 13)) - {4, 5}
    assert sorted(picker.missing) == [str(folder / "003.png"), str(folder / "004.png")]


def test_a_frame_that_does_not_decode_any_more(path, folder):
    image = write_image(folder, "a.jpg", 0)
    image.write_bytes(b"not an image")
    with Store(path) as store:
        begin(store)
        store.write(row(image, "tabby"))
    picks, picker = pick(path)
    assert (picks, picker.missing) == ([], [str(image)])


def test_labels_are_those_of_all_models(path):
    with Store(path) as store:
        begin(store)
        begin(store, sha256="cd" * 32, labels=["puma", "lynx"])
    with closing(open_results(path)) as db:
        assert labels_of_models(db) == ["lynx", "puma", "tabby"]
