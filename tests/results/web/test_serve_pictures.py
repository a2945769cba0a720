"""Which files may be shown."""

import os
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from example_rows import begin, failed, frame
from pictures import encode, noise
from site_browser import HOSTILE

from edgecls.images.frame_key import digest, file_key

pytest.importorskip("datasette", reason="the extra serve is not installed")


@pytest.fixture
def row(store, browse):
    """Write a row with these fields, and ask for its picture."""

    def row(**fields):
        number = store.database.table("results").count + 1
        store.write(replace(frame(f"{number}"), **fields))
        return browse().get(f"/picture/{number}.jpg")

    return row


def is_shown(response):
    """Whether it is a picture; then its (width, height)."""
    if response.status_code != 200:
        assert response.status_code == 404
        assert response.headers["content-type"] == "image/svg+xml"  # that says there is none
        return False
    assert response.headers["content-type"] == "image/jpeg"
    height, width = cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return width, height


@pytest.mark.parametrize("name", ["a.jpg", "b.png", f"{HOSTILE}.jpg"])
def test_pictures_and_thumbnails(store, browse, photos, name):
    store.write(frame("a", path=str(photos / name)))
    site = browse()
    assert is_shown(site.get("/picture/1.jpg")) == (640, 480)
    assert is_shown(site.get("/thumbnail/1.jpg")) == (360, 270)
    kept = site.get("/thumbnail/1.jpg", cookie="ds_csrftoken=x").headers["cache-control"]
    assert kept == "private, max-age=604800"


def test_a_large_photograph_is_made_smaller(row, photos):
    (photos / "large.jpg").write_bytes(encode(noise(4000, 3000), ".jpg"))
    assert is_shown(row(path=str(photos / "large.jpg"))) == (1600, 1200)
    (photos / "long.jpg").write_bytes(encode(noise(4000, 2), ".jpg"))
    assert is_shown(row(path=str(photos / "long.jpg"))) == (1600, 1)


def test_what_is_no_picture(row, photos):
    (photos / "text.jpg").write_text("root:x:0:0")
    (photos / "cut.jpg").write_bytes((photos / "a.jpg").read_bytes()[:5000])
    os.mkfifo(photos / "pipe.jpg")
    (photos / "folder.jpg").mkdir()
    for path in (
        "text.jpg",
        "cut.jpg",
        "pipe.jpg",
        "folder.jpg",
        "missing.jpg",
        "none/a.jpg",
        "a.jpg/b.jpg",
        "nul\0.jpg",
    ):
        assert not is_shown(row(path=str(photos / path))), path
    assert not is_shown(row(path=None))
    assert not is_shown(row(path=""))
    assert not is_shown(row(path="/"))
    assert not is_shown(row(path="/dev/zero"))
    assert not is_shown(row(path="/proc/self/mem"))


def test_more_than_can_be_shown(row, photos, monkeypatch):
    monkeypatch.setattr("edgecls.results.web.pictures.MAX_BYTES", 1000)
    assert not is_shown(row(path=str(photos / "a.jpg")))


def test_more_pixels_than_can_be_decoded(row, photos, monkeypatch):
    monkeypatch.setattr("edgecls.results.web.pictures.MAX_PIXELS_IN_FULL", 1000)
    assert not is_shown(row(path=str(photos / "b.png")))
    assert is_shown(row(path=str(photos / "a.jpg")))  # decoded at a part of its size


def test_a_link_that_leads_out_of_its_folder(row, photos, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(encode(noise(8, 8), ".jpg"))
    (photos / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (photos / "within.jpg").symlink_to(photos / "a.jpg")
    assert not is_shown(row(path=str(photos / "out.jpg")))
    assert is_shown(row(path=str(photos / "within.jpg")))
    (tmp_path / "link").symlink_to(photos)  # to the folder itself: whoever set it up meant it
    assert is_shown(row(path=str(tmp_path / "link" / "a.jpg")))


def test_a_relative_path_is_relative_to_the_database(row, photos):
    assert is_shown(row(path=f"{photos.name}/a.jpg"))


def daemons(store, folder, **source):
    begin(store, config={"source": {"type": "folder", "path": str(folder), **source}})


def test_of_a_daemon_only_what_lies_in_the_folder_that_it_watched(store, row, photos, tmp_path):
    daemons(store, photos)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "c.jpg").write_bytes(encode(noise(8, 8), ".jpg"))
    (photos / "out").symlink_to(tmp_path / "other")
    assert is_shown(row(path=str(photos / "a.jpg")))
    for path in (tmp_path / "other" / "c.jpg", photos / ".." / "other" / "c.jpg", photos / "out" / "c.jpg"):
        assert not is_shown(row(path=str(path))), path


def test_what_the_daemon_has_moved(store, row, browse, photos):
    daemons(store, photos, after="move", done_folder="done", failed_folder="failed")
    for folder, name in (("done", "sub/a.jpg"), ("failed", "b.png")):
        (photos / folder / name).parent.mkdir(parents=True)
        (photos / os.path.basename(name)).rename(photos / folder / name)
    assert is_shown(row(path=str(photos / "sub" / "a.jpg")))
    assert not is_shown(row(path=str(photos / "b.png")))  # classified: it is not looked for among the failed
    store.write(failed("e", error="x"))
    store.database.execute("UPDATE results SET path = ? WHERE key = 'e'", (str(photos / "b.png"),))
    assert is_shown(browse().get("/picture/3.jpg"))


def test_what_the_daemon_has_moved_where_the_name_was_taken(store, row, photos):
    daemons(store, photos, after="move", done_folder="done", failed_folder="failed")
    data = (photos / "a.jpg").read_bytes()
    (photos / "done").mkdir()
    (photos / "a.jpg").rename(photos / "done" / f"a-{digest(data)[:8]}.jpg")
    (photos / "b.png").rename(photos / "done" / "a.jpg")
    assert is_shown(row(path=str(photos / "a.jpg"), key=file_key("a.jpg", data, 1_764_000_000_000_000_000)))


def test_what_could_not_be_classified_is_kept_where_others_are_deleted(store, browse, photos):
    daemons(store, photos, after="delete", done_folder="done", failed_folder="failed")
    (photos / "failed").mkdir()
    (photos / "b.png").rename(photos / "failed" / "b.png")
    store.write(failed("e", error="x"))
    store.database.execute("UPDATE results SET path = ? WHERE key = 'e'", (str(photos / "b.png"),))
    assert is_shown(browse().get("/picture/1.jpg"))


def test_saved_frames_also_where_they_were_copied_along_with_the_database(row, tmp_path):
    (tmp_path / "frames" / "2026-11-24").mkdir(parents=True)
    (tmp_path / "frames" / "2026-11-24" / "x.jpg").write_bytes(encode(noise(8, 8), ".jpg"))
    assert is_shown(row(path="/var/lib/edgecls/frames/2026-11-24/x.jpg", saved_bytes=700))
    assert not is_shown(row(path="/var/lib/edgecls/frames/2026-11-24/x.jpg"))
    assert not is_shown(row(path="/x.jpg", saved_bytes=700))


def test_a_file_that_was_replaced_is_not_the_frame(row, photos):
    key = file_key("a.jpg", (photos / "a.jpg").read_bytes())
    assert is_shown(row(path=str(photos / "a.jpg"), key=key))
    assert not is_shown(row(path=str(photos / "a.jpg"), key="a.jpg#" + 32 * "0"))


def test_the_page_says_why_there_is_none(store, browse, photos):
    store.write(frame("1", path=str(photos / "gone.jpg")))
    store.write(frame("a.jpg#" + 32 * "0", path=str(photos / "a.jpg")))
    store.write(frame("3", path=None))
    (photos / "out.jpg").symlink_to("/etc/passwd")
    store.write(frame("4", path=str(photos / "out.jpg")))
    site = browse()
    for number, said in enumerate(
        ("gone.jpg is gone", "replaced by another picture", "not saved", "outside the folders"), 1
    ):
        assert said in site.get(f"/frame/{number}").text


def test_the_address_of_a_picture_changes_with_the_frame(store, browse, photos):
    store.write(frame("a", path=str(photos / "a.jpg")))
    store.write(frame("b", path=str(photos / "a.jpg")))
    first, second = (re.search(r"\?of=(\w+)", browse().get(f"/frame/{number}").text)[1] for number in (1, 2))
    assert first != second


def test_a_picture_of_twelve_bits_is_bright_enough_to_look_at(row, photos):
    (photos / "deep.png").write_bytes(encode(noise(64, 48).astype(np.uint16) * 16))
    shown = row(path=str(photos / "deep.png"))
    assert is_shown(shown) == (64, 48)
    assert cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_COLOR).max() > 200
