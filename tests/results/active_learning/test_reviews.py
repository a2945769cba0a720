import threading
from contextlib import closing

import pytest
from example_rows import begin, failed, frame

from edgecls.database.connection import connect
from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import BadDatabase, InputNotFound, Unavailable, UsageError
from edgecls.results.active_learning.reviews import Reviews, known_labels, review_of


def asked(path, result_id):
    with closing(open_results(path)) as db:
        return review_of(db, result_id)


@pytest.fixture
def reviews(store, path):
    store.write(frame("a.jpg"))
    store.write(frame("b.jpg", label="unknown", score=0.4))
    with Reviews(path) as opened:
        yield opened


def test_the_last_word_counts_and_the_prediction_stays(reviews, path, read):
    assert asked(path, 1) is None
    assert reviews.put(1, "lynx") is None
    assert reviews.put(1, "tabby cat") == "lynx"
    assert asked(path, 1) == "tabby cat"
    assert asked(path, 2) is None
    assert read("SELECT label, score FROM results WHERE id = 1") == [("tabby", 0.9)]
    assert read("SELECT source, key, path, model_id, predicted, score, label FROM reviews") == [
        ("folder", "a.jpg", "inbox/a.jpg", 1, "tabby", 0.9, "tabby cat")
    ]


def test_a_review_can_be_taken_back(reviews, path):
    reviews.put(1, "lynx")
    reviews.put(2, "tabby")
    assert reviews.withdraw(1) == "lynx"
    assert asked(path, 1) is None
    assert asked(path, 2) == "tabby"
    assert reviews.withdraw(1) is None
    assert reviews.withdraw(17) is None


def test_it_outlives_its_row(reviews, store, read):
    reviews.put(1, "lynx")
    store.database.execute("DELETE FROM results WHERE id = 1")
    assert read("SELECT path, predicted, score, label FROM reviews") == [("inbox/a.jpg", "tabby", 0.9, "lynx")]
    store.write(frame("a.jpg", label="lynx", score=0.7))  # classified again, by another run
    assert reviews.put(3, "puma") == "lynx"
    assert read("SELECT predicted, score, label FROM reviews") == [("lynx", 0.7, "puma")]


def test_the_last_known_path_stays(reviews, store, read):
    reviews.put(1, "lynx")
    store.database.execute("UPDATE results SET path = NULL WHERE id = 1")  # as when a saved frame is deleted
    reviews.put(1, "puma")
    assert read("SELECT path, label FROM reviews") == [("inbox/a.jpg", "puma")]


@pytest.mark.parametrize(("result_id", "label"), [(17, "lynx"), (1, ""), (1, " \t"), (3, "lynx")])
def test_what_cannot_be_reviewed_changes_nothing(reviews, store, read, result_id, label):
    store.write(failed("c.jpg"))
    reviews.put(1, "puma")
    with pytest.raises(UsageError):
        reviews.put(result_id, label)
    assert read("SELECT key, label FROM reviews") == [("a.jpg", "puma")]
    assert reviews.put(2, "lynx") is None  # nothing is left open


def test_labels_are_any_text(reviews, path):
    reviews.put(1, "'); DROP TABLE reviews --\n<b>\udcff")
    assert asked(path, 1) == "'); DROP TABLE reviews -- <b>\\udcff"


@pytest.mark.parametrize(
    ("written", "stored"),
    [("LYN\u200bX ", "lynx"), ("Tabby", "tabby"), ("Unknown", "unknown"), ("gro\u0308ße", "größe")],
)
def test_a_label_is_stored_as_the_model_spells_it(reviews, path, written, stored):
    reviews.put(1, written)
    assert asked(path, 1) == stored


def test_a_label_that_no_model_knows_is_stored_as_the_first_review_spells_it(reviews, path):
    reviews.put(1, "Manul")
    reviews.put(2, "manul")
    assert (asked(path, 2), known_labels(reviews.database)) == ("Manul", ["Manul", "lynx", "tabby", "unknown"])


def test_a_daemon_may_be_writing(reviews, store, read):
    """Neither waits for the other for longer than a transaction takes."""
    done = threading.Event()

    def review():
        with Reviews(reviews.path) as other:
            for n in range(50):
                other.put(1, f"label {n}")
        done.set()

    thread = threading.Thread(target=review)
    thread.start()
    written = 0
    while not done.is_set():
        store.write(frame(f"{written}.png"))
        written += 1
    thread.join()
    assert read("SELECT label FROM reviews") == [("label 49",)]
    assert read("SELECT count(*) FROM results") == [(2 + written,)]


@pytest.mark.usefixtures("reviews")
def test_a_held_file_is_said_to_be(path):
    with closing(connect(path, "mode=rw")) as other, Reviews(path, busy_timeout=0.01) as impatient:
        other.conn.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another process holds"):
            impatient.put(1, "lynx")
        other.conn.execute("ROLLBACK")
        assert impatient.put(1, "lynx") is None


def test_no_database_is_made_for_reviews(path):
    with pytest.raises(InputNotFound):
        Reviews(path)
    assert not path.exists()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(BadDatabase):
        Reviews(path)


def test_a_database_that_nobody_has_migrated_yet(path):
    with Store(path) as store:
        begin(store)
        store.write(frame("a.jpg"))
        store.database.execute("DROP TABLE reviews")
        store.database.execute("DELETE FROM _sqlite_migrations WHERE name = 'm004_reviews'")
    assert asked(path, 1) is None
    with Reviews(path) as reviews:
        assert reviews.put(1, "lynx") is None
    assert asked(path, 1) == "lynx"
