"""The pages in Chromium: what it complains of, what it asks for, what runs, and what keys and fingers do."""

import json
import sqlite3
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest
from example_database import HOSTILE, SCRIPT, ask, filled

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("datasette", reason="the extra serve is not installed")

from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
PAGES = ("/", "/?range=all", "/gallery", "/gallery?errors=1&min_score=0", "/gallery?label=unknown", "/frame/3", "/frame/8",
         "/frame/61", "/frame/62", "/frame/999", "/data", "/data/results", "/data/results/3", "/data/models",
         "/data/labels_by_day", "/data/results?_facet=label", "/data?sql=select+label+from+results",
         "/data?sql=nonsense")  # fmt: skip


@pytest.fixture(scope="module")
def site(serve):
    return serve("serve")


@pytest.fixture(params=SIZES)
def size(request, page):
    width, height = SIZES[request.param]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield width
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def heard(page):
    """What the console says, and what was asked of which host; pictures that are missing are answered with 404."""
    complaints = [each["message"] for each in page.get_log("browser") if "404 (Not Found)" not in each["message"]]
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
    return complaints, {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "about:", "chrome:"))}


def nothing_ran(page):
    with pytest.raises(NoAlertPresentException):
        _ = page.switch_to.alert
    assert not page.find_elements(By.CSS_SELECTOR, "img[onerror], img[src='x']")
    return True


@pytest.mark.parametrize("path", PAGES)
def test_nothing_to_complain_of_nothing_from_elsewhere_and_it_fits(page, site, size, path):
    page.get(site + path)
    complaints, hosts = heard(page)
    assert [each for each in complaints if "400 (Bad Request)" not in each] == []
    assert hosts == {urlsplit(site).netloc}
    assert nothing_ran(page)
    if not path.startswith("/data"):  # whose tables scroll, or are as wide as their cells
        assert page.execute_script("return document.documentElement.scrollWidth") <= size
    html = page.find_element(By.TAG_NAME, "html")
    assert page.execute_script("return getComputedStyle(document.body).margin") == "0px", html.text  # styles apply


def test_hostile_names_are_text(page, site):
    page.get(f"{site}/gallery?label=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    assert page.find_element(By.TAG_NAME, "h1").text == HOSTILE
    follow(page, page.find_element(By.CSS_SELECTOR, ".tile").click)
    assert page.find_element(By.CSS_SELECTOR, "h1").text.startswith(HOSTILE)
    names = [each.text for each in page.find_elements(By.CSS_SELECTOR, ".guesses .name")]
    assert names == [HOSTILE, SCRIPT]
    page.get(f"{site}/frame/8")
    assert f"{HOSTILE}.jpg" in page.find_element(By.CSS_SELECTOR, ".facts").text
    assert nothing_ran(page)


def test_pictures_are_there_and_what_is_missing_says_so(page, site):
    page.get(f"{site}/gallery")
    pictures = page.find_elements(By.CSS_SELECTOR, ".thumb img")[:12]
    until(lambda: all(page.execute_script("return arguments[0].complete", each) for each in pictures))
    widths = [page.execute_script("return arguments[0].naturalWidth", each) for each in pictures]
    assert widths[2:] == [320] * 10  # after the broken one and the one that is gone
    page.get(f"{site}/frame/61")
    assert "gone.jpg is gone" in page.find_element(By.CSS_SELECTOR, ".photo").text


def test_datasettes_own_scripts_run(page, site):
    page.get(f"{site}/data/results")
    wait = WebDriverWait(page, 10)  # they may run after the page is there
    wait.until(lambda _: len(page.find_elements(By.CSS_SELECTOR, "th .dropdown-menu-icon")) > 1)
    page.find_elements(By.CSS_SELECTOR, "th .dropdown-menu-icon")[1].click()
    wait.until(lambda _: "Facet by this" in page.find_element(By.CSS_SELECTOR, ".dropdown-menu").text)
    page.get(f"{site}/data?sql=select+1")
    wait.until(lambda _: page.find_elements(By.CSS_SELECTOR, ".cm-resize-handle"))
    assert page.find_element(By.CSS_SELECTOR, ".cm-resize-handle").size["height"] == 18
    page.find_element(By.ID, "sql-format").click()
    value = "return document.querySelector('.CodeMirror').CodeMirror.getValue()"
    wait.until(lambda _: "select\n  1" in page.execute_script(value))
    assert heard(page)[0] == []


def test_filters_without_a_script(page, site):
    page.get(f"{site}/gallery")
    page.find_element(By.CSS_SELECTOR, ".filters summary").click()
    page.find_element(By.NAME, "min_score").send_keys("0.85")
    follow(page, page.find_element(By.CSS_SELECTOR, ".filters button").click)
    scores = [float(each.text) for each in page.find_elements(By.CSS_SELECTOR, ".tile .score") if each.text]
    assert scores
    assert min(scores) >= 0.85


def test_a_row_that_is_written_meanwhile(page, site, database):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    db = sqlite3.connect(database)
    with db:
        db.execute(
            "INSERT INTO results (run_id, source, key, captured_at, classified_at, label, score, top_k) "
            "VALUES (1, 'files', 'new', ?, ?, 'just in', 0.5, '[]')",
            (now, now),
        )
    page.get(f"{site}/gallery")
    assert page.find_element(By.CSS_SELECTOR, ".tile .says").text == "just in"
    with db:
        db.execute("DELETE FROM results WHERE key = 'new'")
    db.close()


@pytest.fixture
def reviewed(serve, page, tmp_path):
    """The review page of a database of its own; its path."""
    path = filled(tmp_path / "results.db", frames=12)
    page.get(serve("review", path) + "/review")
    return path


def press(page, *keys):
    """Press keys, and wait for the page that follows."""
    follow(page, ActionChains(page).send_keys(*keys).perform)


def follow(page, act):
    """Do what leads to another page, and wait for it."""
    before = page.find_element(By.TAG_NAME, "html")
    act()
    until(lambda: is_stale(before))
    until(lambda: page.execute_script("return document.readyState") == "complete")


def is_stale(element):
    from selenium.common.exceptions import StaleElementReferenceException

    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    return False


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


SAID = "SELECT key, predicted, label FROM reviews ORDER BY id"


def test_one_key_a_label(page, reviewed):
    press(page, "1")
    press(page, Keys.ENTER)
    assert ask(reviewed, SAID) == [("3", "unknown", "tabby"), ("8", "unknown", "lynx")]
    press(page, Keys.BACKSPACE)
    press(page, Keys.BACKSPACE)
    assert ask(reviewed, SAID) == []
    press(page, Keys.SPACE)
    assert ask(reviewed, SAID) == [("3", "unknown", "lynx")]
    press(page, Keys.ARROW_RIGHT)
    assert page.find_element(By.NAME, "id").get_attribute("value") != "9"
    press(page, Keys.ARROW_LEFT)
    assert page.find_element(By.NAME, "id").get_attribute("value") == "9"
    ActionChains(page).send_keys("/").perform()
    press(page, "pallas 1 cat", Keys.ENTER)  # keys in the box are letters
    assert len(ask(reviewed, SAID)) == 1  # no model knows it: it is asked about first
    press(page, Keys.ENTER)
    assert ask(reviewed, SAID)[1:] == [("8", "unknown", "pallas 1 cat")]
    assert heard(page)[0] == []
    assert ask(reviewed, "SELECT DISTINCT label FROM results WHERE key IN ('3', '8')") == [("unknown",)]


def test_fingers(page, reviewed):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    buttons = page.find_elements(By.CSS_SELECTOR, ".keys button")
    assert min(each.size["height"] for each in buttons) >= 40
    follow(page, page.find_element(By.CSS_SELECTOR, ".keys button[value=manul]").click)
    assert ask(reviewed, SAID) == [("3", "unknown", "manul")]
    follow(page, page.find_element(By.CSS_SELECTOR, "#undo button").click)
    assert ask(reviewed, SAID) == []
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_another_site_may_not_review(page, reviewed):
    """A form as a page from elsewhere would have it, sent by the real browser."""
    target = urlsplit(page.current_url)
    form = f"<form method=post action='http://{target.netloc}/review'><input name=id value=9><input name=label value=x>"
    page.get(f"data:text/html,{form}</form><script>document.forms[0].submit()</script>")
    until(lambda: "Only a page of this server" in page.page_source)
    assert ask(reviewed, SAID) == []
