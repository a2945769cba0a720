import errno
import os
import stat

from edgecls.device.sources.move import move


def test_to_a_card_without_modes(tmp_path, small_disk, monkeypatch):
    """As exFAT and CIFS are: neither mode nor time of the file can be set, and no folder be flushed."""

    def refuse(*_, **__):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    to_disk = os.fsync
    for name in ("chmod", "utime", "setxattr"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(os, "fsync", lambda fd: refuse() if stat.S_ISDIR(os.fstat(fd).st_mode) else to_disk(fd))
    (tmp_path / "a.jpg").write_bytes(b"picture")
    moved = move(str(tmp_path / "a.jpg"), str(small_disk / "done"), "a.jpg")
    assert moved == str(small_disk / "done" / "a.jpg")
    assert (small_disk / "done" / "a.jpg").read_bytes() == b"picture"
    assert os.listdir(tmp_path) == []
