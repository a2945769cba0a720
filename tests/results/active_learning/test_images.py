"""Where the images of rows are by now."""

import json
import os

import pytest

from edgecls.errors import InputNotFound
from edgecls.images.frame_key import digest, file_key
from edgecls.results.active_learning.images import Images


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox" / "done" / "night").mkdir(parents=True)
    return tmp_path / "inbox"


def config(inbox, after="move", done="done"):
    return json.dumps({"source": {"type": "folder", "path": str(inbox), "after": after, "done_folder": done}})


def key(content):
    return file_key("night/a.jpg", content)


def test_where_it_was(inbox):
    path = inbox / "a.jpg"
    path.write_bytes(b"picture")
    assert Images().find(str(path), key(b"picture")) == (path, b"picture")
    assert Images().find(str(path), "camera 17") == (path, b"picture")  # of no file: nothing to compare


def test_another_file_of_its_name_is_not_taken_for_it(inbox):
    path = inbox / "a.jpg"
    path.write_bytes(b"the next snapshot")
    assert Images().find(str(path), key(b"picture")) is None


@pytest.mark.parametrize("done", ["done", "/elsewhere"])
def test_where_the_service_has_moved_it(inbox, done, tmp_path):
    folder = tmp_path / "elsewhere" if done == "/elsewhere" else inbox / done
    moved = folder / "night" / f"a-{digest(b'picture')[:8]}.jpg"
    moved.parent.mkdir(parents=True, exist_ok=True)
    (moved.parent / "a.jpg").write_bytes(b"another night")
    moved.write_bytes(b"picture")
    row = (str(inbox / "night" / "a.jpg"), key(b"picture"))
    assert Images().find(*row, config(inbox, done=str(folder))) == (moved, b"picture")
    assert Images().find(*row, config(inbox, after="delete", done=str(folder))) is None
    assert Images().find(*row) is None
    assert Images(folder).find(*row) == (moved, b"picture")


@pytest.mark.parametrize("path", [None, "", "no/such.jpg", "a\0b", "/"])
def test_what_is_nowhere(path):
    assert Images().find(path, key(b"picture"), "[]") is None


def test_a_pipe_is_not_waited_for(inbox):
    os.mkfifo(inbox / "pipe")
    assert Images().find(str(inbox / "pipe"), "files pipe") is None


def test_copies_in_another_folder_are_found_by_name_and_content(tmp_path):
    for place, content in (("monday/a.jpg", b"another"), ("tuesday/a.jpg", b"picture")):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(content)
    images = Images(tmp_path)
    assert images.find("/var/lib/inbox/a.jpg", key(b"picture")) == (tmp_path / "tuesday" / "a.jpg", b"picture")
    assert images.find("/var/lib/inbox/a.jpg", key(b"third")) is None
    assert images.find("/var/lib/inbox/b.jpg", key(b"picture")) is None
    with pytest.raises(InputNotFound):
        Images(tmp_path / "no")
