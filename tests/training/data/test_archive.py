import io
import os
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_folders import image, write_csv, write_folder

from edgecls.errors import BadData, BadImage, EdgeclsError, Unavailable
from edgecls.progress import Progress
from edgecls.training.data import archive
from edgecls.training.data.dataset import read_dataset
from edgecls.training.data.samples import read_samples

KINDS = {"zip": "", "tar": "", "tar.gz": "gz", "tgz": "gz", "tar.bz2": "bz2", "tar.xz": "xz"}
PNG = image("red")


def pack(path, files):
    """{name: content} as an archive of the kind that its name says."""
    kind = path.name.partition(".")[2]
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in files.items():
                file.writestr(name, content)
        return path
    with tarfile.open(path, f"w:{KINDS[kind]}") as file:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_read_as_the_folder_is(tmp_path, kind):
    folder = write_folder(tmp_path / "pets", {"train/cat": 4, "train/dog": 4, "test/cat": 1, "test/dog": 2})
    packed = pack(tmp_path / f"pets.{kind}", files_of(folder))
    there, here = read_samples(packed), read_samples(folder)
    assert [(s.label, s.split, s.read()) for s in there] == [(s.label, s.split, s.read()) for s in here]
    assert there[0].path == packed / "test" / "cat" / "00.png"
    assert os.listdir(tmp_path).sort() == ["pets", packed.name].sort()
    assert (
        read_dataset(packed, None, 0, Progress()).fingerprint == read_dataset(folder, None, 0, Progress()).fingerprint
    )


@pytest.mark.parametrize("label", ["Größe", "猫", "cat"])
@pytest.mark.parametrize("says_so", [True, False])
def test_a_zip_that_does_not_say_that_its_names_are_utf8(tmp_path, label, says_so):
    """As macOS writes it."""
    packed = pack(tmp_path / "pets.zip", {f"{label}/1.png": PNG, "dog/1.png": PNG})
    data = packed.read_bytes()
    if not says_so:
        for at in (data.find(b"PK\x03\x04") + 6, data.find(b"PK\x01\x02") + 8):
            flags = int.from_bytes(data[at : at + 2], "little") & ~0x800
            data = data[:at] + flags.to_bytes(2, "little") + data[at + 2 :]
        packed.write_bytes(data)
    samples = {sample.label: sample.read() for sample in read_samples(packed)}
    assert samples == {label: PNG, "dog": PNG}


def test_a_zip_with_names_of_dos(tmp_path):
    packed = pack(tmp_path / "pets.zip", {"Gr__e/1.png": PNG, "dog/1.png": PNG})
    packed.write_bytes(packed.read_bytes().replace(b"Gr__e", "Größe".encode("cp437")))
    assert {sample.label for sample in read_samples(packed)} == {"Größe", "dog"}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_what_an_archive_holds_beside_images(tmp_path, kind, caplog):
    files = {
        "./data/cat/1.png": PNG, "data/dog/IMG_1": PNG, "data/cat/README": b"text", "__MACOSX/data/cat/._1.png": b"x",
        "data/@eaDir/1.png": PNG, "data/README.roboflow.txt": b"text", "data/small/1.png": PNG,
    }  # fmt: skip
    packed = pack(tmp_path / f"pets.{kind}", files)
    assert [(s.label, s.path.name) for s in read_samples(packed, exclude=["small"])] == [
        ("cat", "1.png"),
        ("dog", "IMG_1"),
    ]
    assert caplog.messages[-1] == (
        f"{packed}: 2 images; not taken: 1 file without an image's name (data/README.roboflow.txt), 1 file without a "
        "suffix that is no image (data/cat/README), 2 ignored folders (first: __MACOSX), 1 excluded folder (data/small)"
    )


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_that_lead_elsewhere_are_not_taken(tmp_path, kind, caplog):
    names = ["../cat/1.png", "dog/../../2.png", "/abs/cat/3.png", "/abs/dog/4.png"]
    (tmp_path / "in").mkdir()
    packed = pack(tmp_path / "in" / f"pets.{kind}", dict.fromkeys(names, PNG))
    assert [s.path for s in read_samples(packed)] == [packed / "abs/cat/3.png", packed / "abs/dog/4.png"]
    assert "2 files with unsafe names (first: ../cat/1.png)" in caplog.text
    assert os.listdir(tmp_path) == ["in"]


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_links_in_a_tar(tmp_path, kind, caplog):
    packed = tmp_path / f"pets.{kind}"
    with tarfile.open(packed, f"w:{KINDS[kind]}") as file:
        entry = tarfile.TarInfo("cat/1.png")
        entry.size = len(PNG)
        file.addfile(entry, io.BytesIO(PNG))
        for name, kind_of_link, target in [
            ("dog/1.png", tarfile.SYMTYPE, "../cat/1.png"), ("dog/2.png", tarfile.LNKTYPE, "cat/1.png"),
            ("dog/3.png", tarfile.SYMTYPE, "/etc/passwd"), ("emu", tarfile.SYMTYPE, "cat"),
            ("dog/4.png", tarfile.SYMTYPE, "../../../secret.png"), ("pipe.png", tarfile.FIFOTYPE, ""),
        ]:  # fmt: skip
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind_of_link, target
            file.addfile(link)
    samples = read_samples(packed)
    assert [(s.path.relative_to(packed).as_posix(), s.read() == PNG) for s in samples] == [
        ("cat/1.png", True), ("dog/1.png", True), ("dog/2.png", True),
    ]  # fmt: skip
    assert "2 dangling links (first: dog/3.png)" in caplog.text
    assert "1 link to a folder that is read already (emu)" in caplog.text


def test_groups_and_split_files_work_on_archives(tmp_path):
    packed = pack(tmp_path / "pets.zip", files_of(write_folder(tmp_path / "pets", {"cat": 2, "dog": 2})))
    assert [s.group for s in read_samples(packed, group_by=r"(\d+)\.png")] == ["00", "01", "00", "01"]
    listed = write_csv(
        tmp_path / "s.csv", "file,class,split", "cat/00.png,cat,train", "dog/01.png,dog,test", "x.png,dog,"
    )
    samples = read_samples(packed, listed)
    assert [(s.label, s.split) for s in samples] == [("cat", "train"), ("dog", "test"), ("dog", "train")]
    assert samples[1].read() == (tmp_path / "pets" / "dog" / "01.png").read_bytes()
    with pytest.raises(BadImage, match="is not in the archive"):
        samples[2].read()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_that_is_cut_off(tmp_path, kind):
    packed = pack(
        tmp_path / f"pets.{kind}", {f"{pet}/{n}.png": image(pet, n) for pet in ("cat", "dog") for n in range(3)}
    )
    packed.write_bytes(packed.read_bytes()[:-11_000])
    with pytest.raises(BadData, match=rf"pets\.{kind} (cannot be read|is cut off).*: copy it again"):
        read_samples(packed)


def test_an_image_that_is_damaged_in_a_zip_is_left_out(tmp_path):
    packed = tmp_path / "pets.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for pet in ("cat", "dog"):
            for n in range(4):
                file.writestr(f"{pet}/{n}.png", image(pet, n))
    data = bytearray(packed.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    packed.write_bytes(data)
    found = read_dataset(packed, None, 0, Progress())
    assert [(path.name, reason) for path, reason in found.skipped] == [
        ("0.png", "is damaged in the archive (Bad CRC-32 for file 'cat/0.png')")
    ]
    with pytest.raises(BadImage):
        read_samples(packed)[0].read()


def test_an_encrypted_zip(tmp_path):
    packed = pack(tmp_path / "pets.zip", {"cat/1.png": PNG})
    data = packed.read_bytes()
    at = data.index(b"PK\x01\x02") + 8
    packed.write_bytes(data[:6] + b"\1" + data[7:at] + b"\1" + data[at + 1 :])
    with pytest.raises(BadData, match="is encrypted: unpack it, and name the folder"):
        read_samples(packed)


@pytest.mark.parametrize("name", ["pets.rar", "pets.7z", "pets.tar.zst", "pets.gz"])
def test_archives_that_are_not_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0" * 100)
    with pytest.raises(BadData, match="is an archive that edgecls does not read: unpack it, and name the folder"):
        read_samples(tmp_path / name)


def test_files_that_would_fill_memory_or_disk_are_not_taken(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 50_000)
    files = {"cat/1.png": PNG, "dog/1.png": PNG, "dog/2.png": b"\0" * 60_000}
    for kind in ("zip", "tar.gz"):
        assert len(read_samples(pack(tmp_path / f"pets.{kind}", files))) == 2
        assert "1 file that is too large (dog/2.png)" in caplog.messages[-1]
    monkeypatch.setattr(archive, "MIN_FREE_BYTES", 2**80)
    assert len(read_samples(pack(tmp_path / "more.tar", files))) == 2
    with pytest.raises(Unavailable, match=r"take too much room in .*: unpack them, or set TMPDIR"):
        read_samples(pack(tmp_path / "more.tar.gz", files))


def test_an_archive_that_changes_while_it_is_used(tmp_path):
    packed = pack(tmp_path / "pets.zip", {"cat/1.png": PNG, "dog/1.png": PNG})
    samples = read_samples(packed)
    pack(packed, {"cat/1.png": PNG, "emu/1.png": PNG, "emu/2.png": PNG})
    with pytest.raises(BadImage, match="is not in the archive"):
        samples[1].read()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_gives_images_or_an_error_of_ours(tmp_path, data):
    kind = data.draw(st.sampled_from(["zip", "tar", "tar.gz"]))
    packed = pack(tmp_path / f"p.{kind}", {"cat/1.png": PNG, "dog/1.png": PNG, "dog/x": b"no"})
    content = bytearray(packed.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    packed.write_bytes(content)
    try:
        for sample in read_samples(packed):
            sample.read()
    except EdgeclsError:
        pass
