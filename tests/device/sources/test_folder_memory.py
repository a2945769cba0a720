"""What a folder remembers of the files that have their row, so that a restart reads none of them again."""

import os
import threading

import pytest
from arrivals import put
from delivered import delivered

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources import folder, open_source
from edgecls.device.sources.file_memory import is_reliable
from edgecls.images.file_frame import FileStamp


def settings(inbox):
    return FolderSettings(path=inbox, settle_seconds=0.3, poll_seconds=60.0, until_idle=0.1)


class Seen:
    """What a folder remembers, by name."""

    def __init__(self, known=()):
        self.files = dict(known)

    def take_known(self):
        yield from [(f"{name}#{'0' * 32}", state) for name, state in self.files.items()]

    def remember(self, name, key, state):
        assert key.startswith(f"{name}#")
        self.files[name] = state

    def forget(self, name):
        del self.files[name]


def with_memory(inbox, seen):
    """The names of what is delivered; each is done."""
    names = []
    with open_source(settings(inbox), seen) as source:
        for frame in delivered(source, threading.Event()):
            names.append(frame.key.split("#")[0])
            source.acknowledge(frame)
    return names


def test_after_a_restart_only_what_is_new_or_changed_is_read(inbox, monkeypatch):
    seen = Seen()
    for name in ("a.jpg", "sub/b.jpg", "c.jpg"):
        put(inbox / name)
    assert sorted(with_memory(inbox, seen)) == ["a.jpg", "c.jpg", "sub/b.jpg"]
    assert sorted(seen.files) == ["a.jpg", "c.jpg", "sub/b.jpg"]
    opened, real = [], folder.regular_file_frame
    monkeypatch.setattr(folder, "regular_file_frame", lambda *a, **k: opened.append(a[2]) or real(*a, **k))
    old = os.stat(inbox / "a.jpg")
    (inbox / "a.jpg").write_bytes(b"x" * old.st_size)
    os.utime(inbox / "a.jpg", ns=(old.st_atime_ns, old.st_mtime_ns))  # size and time of before
    put(inbox / "d.jpg")
    assert sorted(with_memory(inbox, seen)) == ["a.jpg", "d.jpg"]
    assert set(opened) == {"a.jpg", "d.jpg"}
    assert with_memory(inbox, seen) == []


def test_what_is_gone_is_not_remembered(inbox):
    seen = Seen()
    put(inbox / "a.jpg")
    put(inbox / "b.jpg")
    with_memory(inbox, seen)
    (inbox / "a.jpg").unlink()
    assert with_memory(inbox, seen) == []
    assert list(seen.files) == ["b.jpg"]


def test_a_frame_that_is_not_done_is_not_remembered(inbox):
    seen = Seen()
    put(inbox / "a.jpg")
    with open_source(settings(inbox), seen) as source:
        list(delivered(source, threading.Event()))
    assert seen.files == {}
    assert with_memory(inbox, seen) == ["a.jpg"]


NOW_NS = 1_764_000_000_123_456_789


@pytest.mark.parametrize(
    ("changed_ns", "tells"),
    [(NOW_NS, True), (NOW_NS // 10**9 * 10**9, False), (3_600_123_456_789, False)],
    ids=["fine", "a file system of whole seconds", "a clock that nobody has set"],
)
def test_states_that_are_worth_to_be_remembered(changed_ns, tells):
    assert is_reliable(FileStamp(1, NOW_NS, changed_ns)) is tells
