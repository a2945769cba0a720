"""What stands under the name of an output already, and file systems that lack something."""

import errno
import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from edgecls import files
from edgecls.errors import InputNotFound, IoFailed, UsageError
from edgecls.files import check_not_input, check_writable, is_stream, replaced, write_atomically, written_atomically

OLD, NEW = b"the old content", bytes(range(256)) * 2000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tflite"


def mode_of(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o666, 0o755])
def test_the_mode_of_an_old_file_is_kept(path, mode):
    path.write_bytes(OLD)
    path.chmod(mode)
    write_atomically(path, NEW)
    assert (path.read_bytes(), mode_of(path)) == (NEW, mode)


def test_until_it_is_complete_a_file_that_replaces_a_private_one_is_private(path):
    path.write_bytes(OLD)
    path.chmod(0o600)
    with written_atomically(path):
        (half,) = path.parent.glob(".*")
        assert mode_of(half) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_of_an_old_file_is_kept(path):
    path.write_bytes(OLD)
    os.chown(path, 1234, 5678)
    path.chmod(0o2640)
    write_atomically(path, NEW)
    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (1234, 5678, 0o640)


def test_what_a_group_may_do_is_not_for_another_group(path, monkeypatch):
    path.write_bytes(OLD)
    path.chmod(0o664)
    monkeypatch.setattr(os, "fchown", refuse(errno.EPERM))
    write_atomically(path, NEW)
    assert mode_of(path) == 0o644


def test_an_access_control_list_is_kept(path):
    path.write_bytes(OLD)
    try:
        os.setxattr(path, "user.note", b"checked")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    write_atomically(path, NEW)
    assert os.getxattr(path, "user.note") == b"checked"


def test_other_hard_links_keep_the_old_content(path):
    path.write_bytes(OLD)
    snapshot = path.with_name("snapshot")
    os.link(path, snapshot)
    write_atomically(path, NEW)
    assert (path.read_bytes(), snapshot.read_bytes()) == (NEW, OLD)


@pytest.mark.parametrize("old", [OLD, None])
def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path, old):
    target = tmp_path / "models" / "v2.tflite"
    target.parent.mkdir()
    if old:
        target.write_bytes(old)
    (tmp_path / "current").symlink_to("models/v2.tflite")
    (tmp_path / "model.tflite").symlink_to(tmp_path / "current")
    check_writable(tmp_path / "model.tflite")
    assert target.exists() == bool(old)
    write_atomically(tmp_path / "model.tflite", NEW)
    assert target.read_bytes() == NEW
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "model.tflite").is_symlink()
    assert os.listdir(target.parent) == ["v2.tflite"]


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(IoFailed, match="its symbolic links lead in a circle: name a file"):
        write_atomically(tmp_path / "circle", NEW)
    (tmp_path / "far").symlink_to("missing/model.tflite")
    with pytest.raises(InputNotFound, match=r"the folder .*/missing does not exist: create it first"):
        write_atomically(tmp_path / "far", NEW)
    assert (tmp_path / "circle").is_symlink()


def written_to_pipe(path, pipe, data):
    """What comes out of the `pipe`, a path or a descriptor, while `data` is written to `path`; and who reads it."""
    received = []

    def read():
        with open(pipe, "rb") as file:
            received.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    write_atomically(path, data)
    return reader, received


def test_a_named_pipe_is_written_to(path):
    os.mkfifo(path)
    check_writable(path)  # does not wait for a reader, and gives none its end
    link = path.with_name("link")
    link.symlink_to(path.name)
    reader, received = written_to_pipe(link, path, NEW)
    reader.join(timeout=30)
    assert received == [NEW]
    assert stat.S_ISFIFO(path.lstat().st_mode)


@pytest.mark.parametrize("pair", [os.pipe, lambda: [each.detach() for each in socket.socketpair()]])
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_an_open_pipe_or_socket_is_written_to(tmp_path, pair, name):
    reading, writing = pair()
    path = Path(name.format(writing))
    if name == "link":
        path = tmp_path / "link"
        path.symlink_to(f"/dev/fd/{writing}")
    check_writable(path)
    reader, received = written_to_pipe(path, reading, NEW)
    os.close(writing)
    reader.join(timeout=30)
    assert received == [NEW]


def test_a_file_that_the_shell_opened_goes_on_where_it_is(path):
    with path.open("wb", buffering=0) as shell:
        shell.write(b"head\n")
        write_atomically(Path(f"/dev/fd/{shell.fileno()}"), b"body\n")
        with replaced(Path(f"/dev/fd/{shell.fileno()}")) as file:
            file.write(b"a copy\n")
        shell.write(b"tail\n")
    assert path.read_bytes() == b"head\nbody\na copy\ntail\n"


def test_a_device_stays_a_device(tmp_path):
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        null.write_bytes(b"")
    except PermissionError:
        pytest.skip("may not make a device here")
    before = null.stat()
    write_atomically(null, NEW)
    with replaced(null) as file:
        file.write(NEW)
        assert Path(file.name).parent != tmp_path
        assert mode_of(Path(file.name)) == 0o600
    assert os.path.samestat(null.stat(), before)
    assert mode_of(null) == stat.S_IMODE(before.st_mode)
    assert os.listdir(tmp_path) == ["null"]


def test_what_cannot_be_written_to_is_reported_beforehand(tmp_path, path):
    with path.open("wb") as file:
        closed = file.fileno()
    with pytest.raises(IoFailed, match=f"cannot write /dev/fd/{closed}: it is not open for writing: name a file"):
        check_writable(Path(f"/dev/fd/{closed}"))
    with path.open("rb") as file, pytest.raises(IoFailed, match="it is not open for writing: name a file"):
        check_writable(Path(f"/dev/fd/{file.fileno()}"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(IoFailed, match="it is a socket, which cannot be opened: name a file"):
            write_atomically(tmp_path / "socket", NEW)
    assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("ä" * 127 + "m")
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW
    with pytest.raises(IoFailed, match="the name is too long: choose a shorter one"):
        check_writable(tmp_path / ("m" * 256))


def test_a_mounted_file_is_overwritten_in_place(small_disk, path):
    """A single file of a container, say: its name cannot be given to another one."""
    path.write_bytes(OLD)
    inside = small_disk / "model.tflite"
    inside.touch()
    subprocess.run(["mount", "--bind", path, inside], check=True)
    try:
        write_atomically(inside, NEW[:1000])
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        check_writable(inside)
        write_atomically(inside, NEW)
    finally:
        subprocess.run(["umount", inside], check=True)
    assert path.read_bytes() == NEW
    assert os.listdir(small_disk) == ["model.tflite"]


def refuse(number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_without_modes_owners_and_links(path, monkeypatch, number):
    """As exFAT, vfat, CIFS and several FUSE file systems are."""
    for name in ("chmod", "fchmod", "chown", "fchown", "link", "listxattr"):
        monkeypatch.setattr(os, name, refuse(number))
    to_disk = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: refuse(number)() if stat.S_ISDIR(os.fstat(fd).st_mode) else to_disk(fd))
    for data in (OLD, NEW):
        check_writable(path)
        write_atomically(path, data)
        assert path.read_bytes() == data
    with replaced(path.with_name("new"), overwrite=False) as file:
        file.write(OLD)
    assert path.with_name("new").read_bytes() == OLD
    with pytest.raises(FileExistsError), replaced(path, overwrite=False):
        pass
    assert path.read_bytes() == NEW


def test_a_disk_that_fails_is_no_file_system_that_lacks_something(path, monkeypatch):
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(IoFailed, match="Input/output error"):
        write_atomically(path, NEW)
    assert path.read_bytes() == OLD


def test_a_rename_that_fails_leaves_the_old_file(path, monkeypatch):
    path.write_bytes(OLD)
    monkeypatch.setattr(files.os, "replace", refuse(errno.EIO))
    with pytest.raises(IoFailed, match=f"cannot write {path}: Input/output error"):
        write_atomically(path, NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["model.tflite"]


def test_an_input_is_no_output(path):
    path.write_bytes(OLD)
    link, hard = path.with_name("link"), path.with_name("hard")
    link.symlink_to(path)
    os.link(path, hard)
    for output in (path, link, hard):
        with pytest.raises(UsageError, match=f"cannot write {output}: it would replace {path}, which is read"):
            check_not_input(output, path.with_name("missing"), path)
    check_not_input(path.with_name("other"), path)


def test_streams(tmp_path, path):
    path.touch()
    assert [is_stream(each) for each in (tmp_path, path, tmp_path / "missing", path / "below")] == [False] * 4
    assert is_stream(Path("/dev/null"))
