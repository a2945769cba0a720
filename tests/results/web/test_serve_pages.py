"""The pages, asked over ASGI."""

import re
import threading
from datetime import datetime, timedelta, timezone

import pytest
from example_rows import begin, failed, frame
from site_browser import HOSTILE

from edgecls.database.reading import open_results
from edgecls.records import Prediction
from edgecls.results.active_learning.reviews import Reviews

pytestmark = pytest.mark.slow

pytest.importorskip("datasette", reason="the extra serve is not installed")


def shown(page):
    """Ids of the frames that a page links to, in order."""
    return [int(found) for found in re.findall(r'class="tile" href="/frame/(\d+)', page.text)]


def recent(key, minutes_ago, **changes):
    return frame(key, classified_at=datetime.now(timezone.utc) - timedelta(minutes=minutes_ago), **changes)


def test_the_start_page_counts(store, browse):
    store.write(recent("a", 3))
    store.write(recent("b", 2, label="unknown", score=0.3, top_k=(Prediction("tabby", 0.3),)))
    store.write(recent("c", 60 * 24 * 3))
    store.write(recent("d", 60 * 24 * 40, label=None, score=None, top_k=(), error="not an image"))
    page = browse().get("/").text
    figures = re.findall(r'class="big">([\d,]+)<', page)
    assert figures[1:] == ["3", "4"]  # of the week, of all; what is today depends on when this runs
    assert "not an image" in page
    assert "tabby?" in page  # the unknown one, and what the model would say if it had to
    assert 'aria-current="true">24 hours' in page
    assert page.count('<rect class="label0"') == 2  # a bar and the legend: the third is outside these hours
    assert 'aria-current="true">All' in browse().get("/?range=all").text


@pytest.mark.usefixtures("store")
def test_the_start_page_of_nothing(browse):
    page = browse().get("/")
    assert page.status_code == 200
    assert "No frames yet" in page.text


def test_an_old_database_shows_its_latest_time(store, browse):
    store.write(frame("a", classified_at=datetime(2020, 1, 1, tzinfo=timezone.utc)))
    page = browse().get("/").text
    assert 'aria-current="true">All' in page
    assert "2020-01-01" in page


def test_the_gallery_filters(store, browse):
    store.write(frame("a", 0, label="tabby", score=0.9))
    store.write(frame("b", 1, label="lynx", score=0.6))
    store.write(frame("c", 2, label="unknown", score=0.2))
    store.write(failed("d", 3))
    with Reviews(store.path) as reviews:
        reviews.put(1, "tabby")
    gallery = browse()
    assert shown(gallery.get("/gallery")) == [4, 3, 2, 1]
    assert shown(gallery.get("/gallery?label=lynx")) == [2]
    assert shown(gallery.get("/gallery?min_score=0.5&max_score=0.8")) == [2]
    assert shown(gallery.get("/gallery?errors=1")) == [4]
    assert shown(gallery.get("/gallery?unreviewed=1")) == [4, 3, 2]
    local = (datetime(2026, 11, 24, 12, 1, tzinfo=timezone.utc)).astimezone().strftime("%Y-%m-%dT%H:%M")
    assert shown(gallery.get(f"/gallery?since={local}")) == [4, 3, 2]
    assert shown(gallery.get(f"/gallery?until={local}")) == [1]
    assert "No frames match the filters" in gallery.get("/gallery?label=dog").text


@pytest.mark.usefixtures("store")
def test_what_makes_no_sense_is_said(browse):
    gallery = browse()
    for query, said in (
        ("min_score=x", "invalid score x: enter a number from 0 to 1"),
        ("max_score=2", "invalid score 2"),
        ("min_score=0.9&max_score=0.1", "the lowest score 0.9 is above the highest 0.1: swap them"),
        ("since=yesterday", "invalid time yesterday"),
        ("since=2026-11-24T10:00&until=2026-11-23T10:00", "is not before"),
    ):
        page = gallery.get(f"/gallery?{query}")
        assert (page.status_code, said in page.text) == (400, True), query


def test_the_gallery_is_paged_by_time_and_id_both_ways(store, browse):
    for number in range(100):
        store.write(frame(f"{number}", number // 30))  # many of one time
    gallery, seen, path = browse(), [], "/gallery?label=tabby"
    while path:
        page = gallery.get(path)
        seen.append(shown(page))
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        path = older and older[1].replace("&amp;", "&")
    assert [number for each in seen for number in each] == list(range(100, 0, -1))
    newer = re.search(r'href="([^"]+)" rel="prev"', page.text)[1].replace("&amp;", "&")
    assert shown(gallery.get(newer)) == seen[-2]
    assert shown(gallery.get("/gallery?before=nonsense")) == seen[0]


def test_a_range_of_scores(store, browse):
    scores = [number * 37 % 100 / 100 for number in range(200)]
    for number, score in enumerate(scores):
        store.write(frame(f"{number}", number * 23, label=("tabby", "lynx")[number % 2], score=score))
    gallery = browse()
    for least, most in ((0, 0.04), (0.1, 0.1), (0.95, 1), (0.3, 0.32), (0.999, 1)):
        expected = [n + 1 for n, score in enumerate(scores) if least <= score <= most and n % 2]
        page = gallery.get(f"/gallery?label=lynx&min_score={least}&max_score={most}")
        assert shown(page) == expected[::-1], (least, most)
    page = gallery.get("/gallery?min_score=0.02&max_score=0.55")
    expected = [n + 1 for n, score in enumerate(scores) if 0.02 <= score <= 0.55][::-1]
    assert shown(page) == expected[:48]
    older = gallery.get(re.search(r'href="([^"]+)" rel="next"', page.text)[1].replace("&amp;", "&"))
    assert shown(older) == expected[48:96]
    newer = gallery.get(re.search(r'href="([^"]+)" rel="prev"', older.text)[1].replace("&amp;", "&"))
    assert shown(newer) == expected[:48]


def test_a_frame_has_neighbours_of_its_gallery(store, browse):
    for key, label in (("a", "tabby"), ("b", "lynx"), ("c", "tabby")):
        store.write(frame(key, label=label))
    alone, among_tabbies = browse().get("/frame/1").text, browse().get("/frame/1?label=tabby").text
    assert 'href="/frame/2" rel="prev"' in alone
    assert 'href="/frame/3?label=tabby" rel="prev"' in among_tabbies
    assert 'rel="next"' not in alone


def test_a_frame_says_all_there_is(store, browse):
    store.write(frame("a", votes={"tabby": 3, "lynx": 1}))
    with Reviews(store.path) as reviews:
        reviews.put(1, "manul")
    page = browse().get("/frame/1").text
    for said in ("0.900", "0.050", "manul", "cats", "pi4", "Votes", "inference 12.0 ms", "inbox/a is gone"):
        assert said in page


@pytest.mark.usefixtures("store")
def test_no_such_page(browse):
    for path in ("/frame/7", "/frame/99999999999999999999", "/nonsense/x", "/review", "/picture/7.jpg"):
        assert browse().get(path).status_code == 404, path


def test_names_and_labels_are_text(store, browse):
    script = '"><script>alert(2)</script>'
    top_k = (Prediction(HOSTILE, 0.5), Prediction(script, 0.4))
    store.write(frame(f"{HOSTILE}.jpg", label=HOSTILE, top_k=top_k))
    store.write(failed(f"{script}.jpg", error=f"{HOSTILE} {script}"))
    store.write(frame(script, label="unknown", top_k=top_k, score=0.1))
    with Reviews(store.path) as reviews:
        reviews.put(1, script)
    site = browse(reviewing=True)
    for path in ("/", "/gallery", "/frame/1", "/frame/2", "/frame/3", "/review", "/review?id=1&done=1&was=%3Cscript%3E",
                 "/data/results", "/data/results/1", "/data/reviews", "/data/labels_by_day", "/data/taken_for",
                 "/gallery?label=%22%3E%3Cscript%3Ealert(2)%3C/script%3E", "/gallery?since=%3Cscript%3E"):  # fmt: skip
        page = site.get(path).text
        assert "<img src=x" not in page, path
        assert "<script>" not in page, path


def test_rows_that_the_daemon_writes_meanwhile_are_there(store, browse):
    site = browse()
    store.write(frame("a"))
    assert shown(site.get("/gallery")) == [1]
    store.write(frame("b"))
    assert shown(site.get("/gallery")) == [2, 1]
    assert site.get("/data/results.json?_shape=array").json()[0]["id"] == 2


def test_a_run_that_begins_again_with_another_file_is_seen(store, path, browse, tmp_path):
    """As when the daemon sets a damaged database aside."""
    store.write(frame("a"))
    site = browse()
    assert shown(site.get("/gallery")) == [1]
    store.close()
    path.rename(tmp_path / "aside.db")
    assert site.get("/gallery").status_code == 404
    from edgecls.database.store import Store

    with Store(path) as restarted:
        begin(restarted)
        restarted.write(frame("b"))
        restarted.write(frame("c"))
        assert shown(site.get("/gallery")) == [2, 1]


def test_no_question_keeps_the_daemon_waiting(store, browse):
    site = browse()
    site.site.sql_time_limit_ms = 1000
    endless = "with recursive n(i) as (select 1 union all select i %2B 1 from n) select count(*) from n, results"
    asking = threading.Thread(target=site.get, args=(f"/data?sql={endless}",))
    store.database.execute("PRAGMA busy_timeout=0")  # whoever has to wait fails at once
    asking.start()
    written = 0
    while asking.is_alive():
        store.write(frame(f"{written}"))
        written += 1
    assert written > 5
    assert shown(site.get("/gallery"))[0] == written


@pytest.mark.usefixtures("store")
def test_nothing_is_written_through_datasette(browse):
    site = browse(reviewing=True)
    assert site.get("/data?sql=delete+from+results").status_code == 400
    assert site.get("/data?sql=attach+'x'+as+y").status_code == 400
    assert site.get("/data.db").status_code in {403, 404}
    assert site.get("/-/edgecls/../plugin.py").status_code == 404
    endless = "with recursive n(i) as (select 1 union all select i %2B 1 from n) select count(*) from n"
    site.site.sql_time_limit_ms = 50
    page = site.get(f"/data?sql={endless}")
    assert (page.status_code, "took too long" in page.text, "<script>" in page.text) == (400, True, False)


@pytest.mark.parametrize(
    "address", ["/", "/?range=all", "/gallery?label=tabby", "/frame/2?label=tabby", "/review", "/thumbnail/2.jpg"]
)
def test_a_page_opens_the_database_once_and_reads_one_snapshot(store, browse, monkeypatch, address):
    for key in "abc":
        store.write(recent(key, 1))
    from edgecls.results.web import results_database

    connections, statements = [], []

    def open_and_watch(path):
        connections.append(open_results(path))
        connections[-1].conn.set_trace_callback(statements.append)
        return connections[-1]

    monkeypatch.setattr(results_database, "open_results", open_and_watch)
    site = browse(reviewing=True)
    assert site.get(address).status_code in {200, 404}  # there is no picture
    assert len(connections) == 1
    assert [statement for statement in statements if statement in {"BEGIN", "ROLLBACK"}] == ["BEGIN", "ROLLBACK"]
    last_query = max(n for n, statement in enumerate(statements) if "FROM" in statement)
    assert statements.index("BEGIN") < last_query < statements.index("ROLLBACK")
