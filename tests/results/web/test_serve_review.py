"""Reviewing, as forms."""

import re

import pytest

pytest.importorskip("datasette", reason="the extra serve is not installed")

from example_rows import begin, failed, frame

from edgecls.database.store import Store
from edgecls.records import Prediction
from edgecls.results.web.pages.review_queue import label_keys


@pytest.fixture
def site(store, browse):
    store.write(frame("sure", label="lynx", score=0.99))
    store.write(frame("unsure", label="tabby", score=0.5))
    store.write(frame("unknown", label="unknown", score=0.4))
    store.write(frame("more unknown", label="unknown", score=0.2))
    store.write(failed("failed"))
    return browse(reviewing=True)


def asked(page):
    """The row that a page asks about; None if nothing is left."""
    found = re.search(r'name="id" value="(\d+)"', page.text)
    return found and int(found[1])


def say(site, page, **fields):
    """Send the form of a page; the page that follows."""
    action = re.search(r'action="(/review\?[^"]*)"', page.text)[1].replace("&amp;", "&")
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)[1]
    answer = site.post(action, {"csrftoken": token, **fields})
    assert answer.status_code == 303, answer.text
    return site.get(answer.headers["location"])


def test_the_unknown_come_first_and_of_those_the_least_sure(site, read):
    page, order = site.get("/review"), []
    while number := asked(page):
        order.append(number)
        page = say(site, page, id=number, label="tabby")
    assert order == [4, 3, 2, 1]
    assert "All frames are reviewed" in page.text
    assert read("SELECT predicted, label FROM reviews ORDER BY id") == [
        ("unknown", "tabby"), ("unknown", "tabby"), ("tabby", "tabby"), ("lynx", "tabby"),
    ]  # fmt: skip
    assert read("SELECT label FROM results ORDER BY id") == [("lynx",), ("tabby",), ("unknown",), ("unknown",), (None,)]


def test_one_after_the_other_is_undone(site, read):
    page = site.get("/review")
    page = say(site, page, id=4, label="tabby")
    page = say(site, page, id=3, label="lynx")
    assert "Frame 3: <strong>lynx" in page.text
    page = say(site, page, undo=1)
    assert (asked(page), read("SELECT key, label FROM reviews")) == (3, [("more unknown", "tabby")])
    page = say(site, page, undo=1)
    assert (asked(page), read("SELECT * FROM reviews")) == (4, [])
    assert "undo" not in page.text.split("<main>")[1].split("hint")[0]


def test_undoing_a_second_thought_brings_the_first_back(site, read):
    say(site, site.get("/review"), id=4, label="tabby")
    page = say(site, site.get("/review?id=4"), id=4, label="lynx")
    assert read("SELECT label FROM reviews") == [("lynx",)]
    say(site, page, undo=1)
    assert read("SELECT label FROM reviews") == [("tabby",)]


def test_skipping(site):
    page, order = site.get("/review"), []
    while number := asked(page):
        order.append(number)
        page = site.get(
            "/review?" + re.search(r'id="skip" href="/review\?([^"]*)"', page.text)[1].replace("&amp;", "&")
        )
    assert order == [4, 3, 2, 1]
    assert "Return to the skipped frames" in page.text
    page = say(site, site.get("/review?skip=4"), id=3, label="lynx")
    assert asked(page) == 2  # what was skipped stays behind


def test_only_what_is_asked_for(site):
    assert asked(site.get("/review?label=lynx")) == 1
    assert asked(site.get("/review?min_score=0.45&max_score=0.6")) == 2
    assert asked(site.get("/review?errors=1")) is None


def test_labels_are_cleaned_and_needed(site, read):
    page = say(site, site.get("/review"), id=4, label="  a   ma\u200bnul\n", new=1)
    assert read("SELECT label FROM reviews") == [("a manul",)]
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)[1]
    for form in (
        {"id": 4, "label": " "},
        {"id": 5, "label": "lynx"},
        {"id": 77, "label": "lynx"},
        {"label": "lynx"},
        {"id": "x"},
    ):
        assert site.post("/review", {"csrftoken": token, **form}).status_code == 400, form
    assert read("SELECT label FROM reviews") == [("a manul",)]


def test_a_label_is_stored_as_the_model_spells_it(site, read):
    say(site, site.get("/review"), id=4, label=" LYN\u200bX")
    assert read("SELECT label FROM reviews") == [("lynx",)]


def test_a_new_label_is_asked_about_before_it_is_stored(site, read):
    page = say(site, site.get("/review"), id=4, label="tabbi")
    assert (asked(page), read("SELECT label FROM reviews")) == (4, [])
    assert "No model or review has the label <strong>tabbi</strong> yet" in page.text
    assert '<input type="hidden" name="label" value="tabbi"><input type="hidden" name="new" value="1">' in page.text
    assert page.text.count('data-key="Enter"') == 1  # of this, and not of the guess
    page = say(site, page, id=4, label="tabbi", new=1)
    assert (asked(page), read("SELECT label FROM reviews")) == (3, [("tabbi",)])
    page = say(site, page, id=3, label="Tabbi")  # known by now
    assert read("SELECT label FROM reviews") == [("tabbi",), ("tabbi",)]


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"origin": ""}, {"origin": "http://localhost:9"}],
)
def test_pages_from_elsewhere_may_not(site, read, headers):
    token = re.search(r'name="csrftoken" value="([^"]+)"', site.get("/review").text)[1]
    assert site.post("/review", {"csrftoken": token, "id": 4, "label": "x"}, **headers).status_code == 403
    assert read("SELECT * FROM reviews") == []


def test_nor_may_a_form_without_the_token_or_its_cookie(site, read):
    page = site.get("/review")
    assert site.post("/review", {"id": 4, "label": "x"}).status_code == 403
    assert site.post("/review", {"csrftoken": "x", "id": 4, "label": "x"}).status_code == 403
    site.cookies.clear()
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)[1]
    assert site.post("/review", {"csrftoken": token, "id": 4, "label": "x"}).status_code == 403
    assert read("SELECT * FROM reviews") == []


def test_a_database_that_another_process_holds(site, store, read, monkeypatch):
    monkeypatch.setattr("edgecls.database.connection.BUSY_TIMEOUT_S", 0.05)
    page = site.get("/review")
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)[1]
    store.database.conn.execute("BEGIN IMMEDIATE")
    answer = site.post("/review", {"csrftoken": token, "id": 4, "label": "lynx"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "another process holds" in answer.text
    store.database.conn.execute("ROLLBACK")
    say(site, page, id=4, label="lynx")
    assert read("SELECT label FROM reviews") == [("lynx",)]


def test_the_daemon_writes_while_people_review(site, store, read):
    page = site.get("/review")
    store.write(frame("new", label="unknown", score=0.1))
    page = say(site, page, id=asked(page), label="lynx")
    assert asked(page) == 6
    store.write(frame("newer"))
    assert read("SELECT count(*) FROM results") == [(7,)]


def row(labels, top_k):
    return {"labels": labels, "top_k": [{"label": label, "score": 0.1} for label in top_k]}


def test_keys_of_a_small_model_stay_where_they_are():
    said = ["zebra", "cat"]
    first = label_keys(row(["cat", "dog"], ["dog", "cat"]), said)
    assert first == label_keys(row(["cat", "dog"], ["cat", "dog"]), said)
    assert first == [("1", "cat"), ("2", "dog"), ("3", "zebra")]


def test_keys_of_a_large_model_are_guesses_and_what_was_said():
    labels = [f"class {number}" for number in range(1000)]
    found = label_keys(row(labels, ["class 7", "class 2"]), ["manul", "class 7"])
    assert found == [("1", "class 7"), ("2", "class 2"), ("a", "manul")]


def test_enter_takes_the_best_guess_of_an_unknown_frame(path, browse):
    with Store(path) as store:
        begin(store)
        store.write(frame("a", label="unknown", score=0.2, top_k=(Prediction("lynx", 0.2),)))
    assert 'value="lynx" data-key="Enter"' in browse(reviewing=True).get("/review").text
