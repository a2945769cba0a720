"""What the real daemon has moved away, as the pages show it."""

import asyncio
import subprocess
import sys
from contextlib import closing

import cv2
import numpy as np
import pytest
from pictures import picture

pytest.importorskip("datasette", reason="the extra serve is not installed")

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows
from edgecls.results.web.plugin import create_site


@pytest.fixture
def daemon(environment, inbox, tmp_path):
    """The inbox of a daemon that moves files."""
    config = tmp_path / "edgecls.toml"
    config.write_text(config.read_text() + 'after = "move"\nincomplete_seconds = 0.5\n')
    command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8")
    assert any("ready" in line for line in process.stderr)
    yield inbox
    process.kill()
    process.communicate()


def put(inbox, name, content):
    (inbox.parent / "part").write_bytes(content)
    (inbox.parent / "part").rename(inbox / name)


def rows(folder):
    if not (folder / "results.db").exists():
        return []
    with closing(open_results(folder / "results.db")) as db:
        return list(find_rows(db, order="id"))


def get(site, address):
    return asyncio.run(site.client.get(address))


def test_files_of_one_name_are_all_shown(daemon, tmp_path, until):
    contents = [picture("red"), picture("blue"), picture("green")]
    for n, content in enumerate(contents, 1):
        put(daemon, "photo.png", content)
        until(lambda n=n: len(rows(tmp_path)) == n and not (daemon / "photo.png").exists())
    assert len(list((daemon / "done").iterdir())) == 3
    site = create_site(tmp_path / "results.db")
    for row, content in zip(rows(tmp_path), contents, strict=True):
        response = get(site, f"/picture/{row['id']}.jpg")
        assert response.status_code == 200, get(site, f"/frame/{row['id']}").text
        shown, original = (
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).mean(axis=(0, 1))
            for data in (response.content, content)
        )
        assert shown == pytest.approx(original, abs=10)


def test_unreadable_files_of_one_name_are_found_among_the_failed(daemon, tmp_path, until):
    for n, size in enumerate((20, 30), 1):
        put(daemon, "photo.png", picture("red")[:-size])
        until(lambda n=n: len(rows(tmp_path)) == n and not (daemon / "photo.png").exists())
    assert len(list((daemon / "failed").iterdir())) == 2
    site = create_site(tmp_path / "results.db")
    for row in rows(tmp_path):
        page = get(site, f"/frame/{row['id']}").text
        assert row["error"]
        assert "is gone" not in page
