"""What becomes of a file once its row is committed."""

import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from delivered import delivered
from pictures import picture
from pydantic import ValidationError

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources import move as moving
from edgecls.device.sources import open_source
from edgecls.device.sources.move import move
from edgecls.errors import IoFailed
from edgecls.images.frame_key import digest


def settings(inbox, **changes):
    return FolderSettings(
        **{"path": inbox, "settle_seconds": 0.01, "poll_seconds": 0.05, "until_idle": 0.05, **changes}
    )


def put(path, content=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture("red") if content is None else content)
    return path


def take(source, failed=(), between=lambda _: None):
    """All frames, acknowledged one by one; the names of those that `failed` names have an error. Returns the names."""
    names = []
    for frame in delivered(source, threading.Event()):
        names.append(frame.key.split("#")[0])
        between(Path(frame.path))
        source.acknowledge(frame, failed=names[-1] in failed)
    return sorted(names)


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_keep(inbox):
    put(inbox / "a.png")
    with open_source(settings(inbox)) as source:
        assert take(source, failed=["a.png"]) == ["a.png"]
    assert tree(inbox) == ["a.png"]


def test_delete(inbox):
    put(inbox / "sub/a.png")
    put(inbox / "notes.txt")
    with open_source(settings(inbox, after="delete")) as source:
        assert take(source) == ["sub/a.png"]
    assert tree(inbox) == ["notes.txt"]
    assert sorted(os.listdir(inbox)) == ["notes.txt", "sub"]  # there is no folder for failed files until there is one


def test_delete_never_deletes_what_was_not_classified(inbox):
    for _ in range(2):
        put(inbox / "sub/b.png", b"text")
        with open_source(settings(inbox, after="delete")) as source:
            assert take(source, failed=["sub/b.png"]) == ["sub/b.png"]
    assert tree(inbox) == ["failed/sub/b.png"]
    assert (inbox / "failed/sub/b.png").read_bytes() == b"text"


def test_move_keeps_sub_folders_and_what_was_moved_is_not_seen_again(inbox):
    put(inbox / "sub/a.png")
    put(inbox / "b.png", b"text")
    for expected in (["b.png", "sub/a.png"], []):
        with open_source(settings(inbox, after="move")) as source:
            assert take(source, failed=["b.png"]) == expected
    assert tree(inbox) == ["done/sub/a.png", "failed/b.png"]


def test_only_what_is_acknowledged_is_moved(inbox):
    put(inbox / "a.png")
    with open_source(settings(inbox, after="move")) as source:
        list(delivered(source, threading.Event()))
    assert tree(inbox) == ["a.png"]


def test_folders_of_ones_own_choice(inbox, tmp_path):
    put(inbox / "a.png")
    put(inbox / "b.png")
    put(inbox / "done/c.png")
    chosen = settings(inbox, after="move", done_folder=tmp_path / "good", failed_folder="sub/bad")
    with open_source(chosen) as source:
        assert take(source, failed=["b.png"]) == ["a.png", "b.png", "done/c.png"]
    assert tree(tmp_path) == ["good/a.png", "good/done/c.png", "inbox/sub/bad/b.png"]


def test_names_are_never_overwritten(inbox):
    contents = [picture("red"), picture("blue"), picture("green")]
    for content in contents:
        put(inbox / "a.tar.png", content)
        with open_source(settings(inbox, after="move")) as source:
            take(source)
    names = ["a.tar.png", *(f"a.tar-{digest(content)[:8]}.png" for content in contents[1:])]
    assert tree(inbox / "done") == sorted(names)
    assert [(inbox / "done" / name).read_bytes() for name in names] == contents


def test_identical_files_do_not_pile_up(inbox, tmp_path):
    """Whichever of several contents comes again; the file that stays is as recent as the one that came last."""
    for n, colour in enumerate(["red", "blue", "red", "red", "blue", "green", "blue"]):
        os.utime(put(inbox / "a.png", picture(colour)), (n, n))
        move(str(inbox / "a.png"), str(tmp_path / "done"), "a.png")
    stay = {path.read_bytes(): os.stat(path).st_mtime for path in (tmp_path / "done").iterdir()}
    assert stay == {picture("red"): 3, picture("blue"): 6, picture("green"): 5}
    assert tree(inbox) == []


def test_contents_of_one_size_and_time_are_told_apart(inbox, tmp_path):
    """Comparing files by size and times, or remembering what was found of such a pair, would destroy one."""
    for content in (b"black", b"black", b"white", b"black"):
        os.utime(put(inbox / "a.bmp", content), (5, 5))
        move(str(inbox / "a.bmp"), str(tmp_path / "done"), "a.bmp")
    assert sorted(path.read_bytes() for path in (tmp_path / "done").iterdir()) == [b"black", b"white"]


def test_two_contents_whose_digests_begin_alike(inbox, tmp_path):
    for name, content in (("a.png", b"other"), (f"a-{digest(b'new')[:8]}.png", b"begins alike")):
        put(tmp_path / "done" / name, content)
    assert move(str(put(inbox / "a.png", b"new")), str(tmp_path / "done"), "a.png").endswith(f"a-{digest(b'new')}.png")
    put(tmp_path / "done" / f"a-{digest(b'new')}.png", b"someone's own")
    put(inbox / "a.png", b"new")
    with pytest.raises(FileExistsError):
        move(str(inbox / "a.png"), str(tmp_path / "done"), "a.png")
    assert (inbox / "a.png").read_bytes() == b"new"


def test_a_link_to_the_file_itself_is_no_copy_of_it(inbox, tmp_path):
    put(inbox / "a.png")
    (tmp_path / "done").mkdir()
    (tmp_path / "done/a.png").symlink_to(inbox / "a.png")
    place = move(str(inbox / "a.png"), str(tmp_path / "done"), "a.png")
    assert Path(place).read_bytes() == picture("red")


@pytest.mark.parametrize("after", ["move", "delete"])
@pytest.mark.parametrize("how", ["written over", "renamed over", "touched"])
def test_content_that_came_after_the_reading_stays_until_it_has_its_own_frame(inbox, after, how):
    """Replaced between classification and row: the new content has no row yet, and must be taken first."""
    path = put(inbox / "a.png")
    old = os.stat(path)
    new = picture("blue")
    left = iter([True])

    def between(path):
        if not next(left, False):
            return
        if how == "touched":
            os.utime(path, (1, 1))
        elif how == "written over":
            path.write_bytes(new)
        else:
            put(path.with_name(".new"), new).rename(path)
            os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))  # as rsync -t does

    with open_source(settings(inbox, after=after)) as source:
        assert take(source, between=between) == ["a.png", "a.png"]
    assert tree(inbox) == (["done/a.png"] if after == "move" else [])
    if after == "move":
        assert (inbox / "done/a.png").read_bytes() == (picture("red") if how == "touched" else new)


def test_a_file_that_someone_else_took_away(inbox, caplog):
    put(inbox / "a.png")
    with open_source(settings(inbox, after="move")) as source:
        assert take(source, between=Path.unlink) == ["a.png"]
    assert not caplog.records


def test_what_cannot_be_moved_is_said_once_and_tried_again(inbox, tmp_path, caplog, until):
    """A file where the folder should be: root, too, cannot move anything there."""
    for n in range(3):
        put(inbox / f"{n}.png")
    stop, seen = threading.Event(), []
    with open_source(settings(inbox, after="move", done_folder=tmp_path / "d", until_idle=None)) as source:
        (tmp_path / "d").rmdir()
        (tmp_path / "d").touch()

        def run():
            for frame in delivered(source, stop):
                source.acknowledge(frame)
                seen.append(frame.path)

        taker = threading.Thread(target=run)
        taker.start()
        until(lambda: len(seen) == 3)
        (tmp_path / "d").unlink()
        until(lambda: tree(inbox) == [])
        stop.set()
        taker.join()
    assert len(seen) == 3
    assert tree(tmp_path / "d") == ["0.png", "1.png", "2.png"]
    (record,) = caplog.records
    assert "(File exists): its row is committed, trying again later" in record.getMessage()


@pytest.mark.parametrize(
    ("after", "which"), [("move", "done_folder"), ("move", "failed_folder"), ("delete", "failed_folder")]
)
def test_a_folder_that_cannot_be_made_is_said_at_the_start(inbox, tmp_path, after, which):
    (tmp_path / "file").touch()
    with pytest.raises(IoFailed, match=r"cannot move files of .*inbox to .*file/x: a part of the path is not a folder"):
        open_source(settings(inbox, after=after, **{which: tmp_path / "file" / "x"})).__enter__()


def test_a_check_makes_no_folder(inbox):
    """Whoever checks may be root: the daemon could move nothing to a folder of root's."""
    open_source(settings(inbox, after="move", failed_folder="sub/bad")).probe()
    assert list(inbox.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("after", ["move", "delete"])
def test_a_folder_that_may_not_be_written_to_is_said_at_the_start(inbox, after):
    inbox.chmod(0o500)
    try:
        with pytest.raises(
            IoFailed, match=rf"cannot {after} files of .*inbox: permission denied: user \w+ may not write"
        ):
            open_source(settings(inbox, after=after)).probe()
    finally:
        inbox.chmod(0o700)


@pytest.mark.parametrize("folder", [".", "..", "/", "../inbox", "x/.."])
@pytest.mark.parametrize("which", ["done_folder", "failed_folder"])
def test_the_watched_folder_is_no_place_to_move_to(inbox, which, folder):
    with pytest.raises(ValidationError, match="must not be the watched folder or contain it") as caught:
        settings(inbox, **{which: folder})
    assert caught.value.errors()[0]["ctx"]["setting"] == which


@pytest.fixture
def other_disk():
    """A folder on another file system, or the test is skipped."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tempfile.gettempdir()).st_dev:
        pytest.skip("no second file system here")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def test_to_another_file_system(inbox, other_disk):
    for content in (picture("red"), picture("blue")):
        path = put(inbox / "a.png", content)
        os.utime(path, (5, 5))
        move(str(path), str(other_disk), "sub/a.png")
    assert tree(inbox) == []
    assert tree(other_disk) == [f"sub/a-{digest(picture('blue'))[:8]}.png", "sub/a.png"]
    assert (other_disk / "sub/a.png").read_bytes() == picture("red")
    assert os.stat(other_disk / "sub/a.png").st_mtime == 5


def test_a_move_to_another_file_system_that_was_cut_off_after_the_copy(inbox, other_disk):
    put(other_disk / "a.png")
    put(other_disk / ".edgecls-moving", b"half a co")
    assert move(str(put(inbox / "a.png")), str(other_disk), "a.png") == str(other_disk / "a.png")
    assert move(str(put(inbox / "b.png")), str(other_disk), "b.png") == str(other_disk / "b.png")
    assert tree(inbox) == []
    assert tree(other_disk) == ["a.png", "b.png"]


def test_without_a_rename_that_refuses_to_overwrite(inbox, tmp_path, monkeypatch):
    """NFS has none."""
    monkeypatch.setattr(moving, "_renameat2", None)
    for colour in ("red", "blue"):
        move(str(put(inbox / "a.png", picture(colour))), str(tmp_path / "d"), "a.png")
    there = tree(tmp_path / "d")
    assert there == [f"a-{digest(picture('blue'))[:8]}.png", "a.png"]
    for name in ("a.png", "b.png"):
        with pytest.raises(FileNotFoundError):
            move(str(inbox / name), str(tmp_path / "d"), name)
    assert tree(tmp_path / "d") == there
