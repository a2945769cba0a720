"""docs/how-to/browser.md says what there is."""

import re
from pathlib import Path

import pytest
import typer
from example_rows import frame
from paths import ROOT

pytest.importorskip("datasette", reason="the extra serve is not installed")

from edgecls.cli.main import program
from edgecls.results.web import pictures, queue, site
from edgecls.results.web.guard import LOOPBACK_NAMES
from edgecls.results.web.pages import review

PAGE = (ROOT / "docs" / "how-to" / "browser.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())


def first_cells(heading):
    """Of the table whose first column has this heading."""
    table = PAGE.split(f"| {heading} |")[1].split("\n\n")[0]
    return [re.split(r"\s*\|\s*", line)[1] for line in table.splitlines()[2:]]


def test_every_address_is_there(store, browse):
    store.write(frame("a"))
    reviewing = browse(reviewing=True)
    addresses = [cell.strip("`") for cell in first_cells("address")]
    assert [path for path in addresses if reviewing.get(path).status_code != 200] == []
    assert len(addresses) == 5


@pytest.mark.parametrize("command", ["serve", "review"])
def test_every_option_is_there_with_its_default(command):
    options = {each.opts[0]: each for each in typer.main.get_command(program()).commands[command].params}
    assert list(options) == [cell.strip("`").split()[0] for cell in first_cells("option")]
    for name, default in (("--host", "127.0.0.1"), ("--port", 8001), ("--db", Path("results.db"))):
        assert options[name].default == default
        assert f"`{default}`" in PAGE


def test_the_keys():
    script = (Path(review.__file__).parents[1] / "static" / "review.js").read_text("utf-8")
    for key in ("Enter", '" "', "Backspace", "ArrowRight", "ArrowLeft", '"/"'):
        assert key in script
    assert queue.KEYS[:9] + queue.KEYS[9] + queue.KEYS[-1] == "123456789az"
    assert len(first_cells("key")) == 6


def test_the_numbers():
    assert f"of the {queue.LOOKED_AT} newest" in TEXT
    assert f"up to {review.UNDONE_AT_MOST} times" in TEXT
    assert f"at most {pictures.MAX_BYTES // 2**20} MiB" in TEXT
    assert f"longer than {site.SQL_TIME_LIMIT_MS // 1000} s" in TEXT
    assert all(f"`{name}`" in TEXT for name in LOOPBACK_NAMES)
