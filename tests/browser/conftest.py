"""A real browser, a real server, and the requests between them."""

import re
import shutil
import subprocess
import sys

import pytest
from example_database import filled


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("served") / "results.db")


@pytest.fixture(scope="module")
def serve(database):
    """Start `edgecls serve` or `review` on the database, and return its address."""
    children = []

    def start(command, db=database):
        arguments = [sys.executable, "-m", "edgecls", command, "--db", str(db), "--port", "0"]
        children.append(subprocess.Popen(arguments, stderr=subprocess.PIPE, encoding="utf-8"))
        line = children[-1].stderr.readline()
        return re.search(r"at (http://[^/]+)", line)[1]

    yield start
    for child in children:
        child.terminate()
        child.communicate()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Start Chromium with a new profile and without requests of its own."""
    if not (browser := shutil.which("chromium")) or not (driver := shutil.which("chromedriver")):
        pytest.skip("there is no chromium here: `nox -s browser` says what it needs")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars",
    ):  # fmt: skip
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as running:
        yield running


@pytest.fixture
def page(chromium):
    """Return the browser with empty logs."""
    chromium.get("about:blank")
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    return chromium
