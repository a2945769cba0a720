"""The documentation site builds without a warning, and its generated pages are up to date."""

import subprocess
import sys

import pytest
from pages import DOCS
from paths import ROOT


def test_the_command_line_reference_is_current():
    printed = subprocess.run(
        [sys.executable, ROOT / "tools" / "cli_page.py"], capture_output=True, encoding="utf-8", check=True
    ).stdout
    assert (DOCS / "reference" / "cli.md").read_text("utf-8") == printed, "run `make reference`"


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path):
    pytest.importorskip("furo", reason="the extra docs is not installed")
    pytest.importorskip("myst_parser", reason="the extra docs is not installed")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-d",
            tmp_path / "doctrees",
            DOCS,
            tmp_path / "site",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = {page.relative_to(tmp_path / "site").with_suffix(".md") for page in (tmp_path / "site").rglob("*.html")}
    assert {page.relative_to(DOCS) for page in DOCS.rglob("*.md")} <= pages
