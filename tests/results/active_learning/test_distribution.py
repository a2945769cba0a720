"""How much of a harvest chance should draw."""

from contextlib import closing

import pytest
from example_rows import begin, frame

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.results.active_learning.distribution import recommend_random_share

VALIDATION = {"validation": {"n": 100, "labels": {"tabby": 60, "lynx": 30, "unknown": 10}, "scores": [10] * 10}}


def advised(path, counts, metrics=VALIDATION):
    with Store(path) as store:
        begin(store, metrics=metrics)
        for label, count in counts.items():
            for n in range(count):
                store.write(frame(f"{label} {n}", label=label))
    with closing(open_results(path)) as db:
        return recommend_random_share(db)


@pytest.mark.parametrize(
    ("counts", "metrics", "random_share", "why"),
    [
        (
            {"tabby": 125, "lynx": 55, "unknown": 20},
            VALIDATION,
            0.15,
            "in distribution: the answers of cats match those to its",
        ),
        (
            {"tabby": 40, "lynx": 150, "unknown": 10},
            VALIDATION,
            1,
            "out of distribution: the answers of cats differ from",
        ),
        ({"tabby": 60, "lynx": 30, "unknown": 110}, VALIDATION, 1, "out of distribution: "),
        ({"tabby": 10}, VALIDATION, 0.5, "the period has 10 rows with an answer, 100 are required"),
        ({"tabby": 200}, {}, 0.5, "the answers cannot be compared with those to validation images"),
        ({}, VALIDATION, 0.5, "the answers cannot be compared"),
    ],
)
def test_by_what_the_model_answers(path, counts, metrics, random_share, why):
    recommendation = advised(path, counts, metrics)
    assert recommendation.random_share == random_share
    assert recommendation.reason.startswith(why)
