"""How often models were right, by what people have said."""

from contextlib import closing

import pytest
from example_rows import begin, frame

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.review_figures import review_figures, share_with_interval
from edgecls.results.active_learning.reviews import PredictedFrame, Reviews

statistics = pytest.importorskip("scipy.stats", reason="intervals are compared with SciPy's")


def figures(path):
    with closing(open_results(path)) as db:
        return review_figures(db)


def said(path, *frames, model="ab" * 32):
    """Reviews of frames, each (predicted, label, reason)."""
    with Reviews(path) as reviews:
        reviews.put_frames(
            (PredictedFrame("folder", f"{model} {n} {label}", "a.jpg", predicted, 0.9, model, reason), label)
            for n, (predicted, label, reason) in enumerate(frames)
        )


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (1, 1), (0, 20), (7, 10), (20, 20), (999, 1000)])
def test_the_interval_is_wilsons(hits, of):
    found = share_with_interval(hits, of)
    expected = statistics.binomtest(hits, of).proportion_ci(method="wilson")
    assert found == {
        "share": pytest.approx(hits / of, abs=1e-6),
        "low": pytest.approx(expected.low, abs=2e-6),
        "high": pytest.approx(expected.high, abs=2e-6),
        "of": of,
    }
    assert share_with_interval(0, 0) is None


@pytest.mark.usefixtures("store")
def test_accuracy_precision_and_recall(path):
    said(
        path,
        *[("tabby", "tabby", "low margin")] * 6,
        *[("tabby", "lynx", "low margin")] * 2,
        ("lynx", "lynx", "random"),
        (UNKNOWN, "lynx", "random"),
        (UNKNOWN, "tabby", "unknown"),
        ("tabby", UNKNOWN, "unknown"),  # nobody could tell: does not count
    )
    (found,) = figures(path)
    assert (found["model"], found["sha256"], found["frames"]) == ("cats", "ab" * 32, 11)
    assert found["accuracy"] == share_with_interval(7, 11)
    assert found["answered"] == share_with_interval(9, 11)
    assert found["precision"] == share_with_interval(7, 9)
    assert found["random"] == {
        "frames": 2,
        "answered": share_with_interval(1, 2),
        "accuracy": share_with_interval(1, 2),
        "precision": share_with_interval(1, 1),
    }
    assert found["labels"] == [
        {
            "label": "lynx",
            "frames": 4,
            "predicted": 1,
            "precision": share_with_interval(1, 1),
            "recall": share_with_interval(1, 4),
        },
        {
            "label": "tabby",
            "frames": 7,
            "predicted": 8,
            "precision": share_with_interval(6, 8),
            "recall": share_with_interval(6, 7),
        },
    ]


@pytest.mark.usefixtures("store")
def test_a_label_that_the_model_never_says_or_nobody_confirms(path):
    said(path, ("tabby", "puma", "random"))
    (found,) = figures(path)
    assert [(each["label"], each["precision"], each["recall"]) for each in found["labels"]] == [
        ("puma", None, share_with_interval(0, 1)),
        ("tabby", share_with_interval(0, 1), None),
    ]


def test_each_model_has_its_own_the_last_one_first(store, path):
    begin(store, sha256="cd" * 32, model_name="cats-2")
    said(path, ("tabby", "lynx", "random"))
    said(path, ("tabby", "tabby", "low margin"), model="cd" * 32)
    second, first = figures(path)
    assert (second["model"], second["accuracy"], second["random"]) == ("cats-2", share_with_interval(1, 1), None)
    assert (first["model"], first["accuracy"], first["random"]["frames"]) == ("cats", share_with_interval(0, 1), 1)


def test_without_reviews(path):
    with Store(path) as store:
        begin(store)
        store.write(frame())
        assert figures(path) == []
