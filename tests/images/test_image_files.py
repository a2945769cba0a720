import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise, picture

from edgecls.images.image_files import (
    IGNORED_FILES,
    IMAGE_SUFFIXES,
    Exclusions,
    begins_like_image,
    file_begins_like_image,
    find_images,
    has_image_name,
    is_ignored_file,
    is_ignored_folder,
)

PNG = picture("red")


def lay_out(root, *names, content=PNG):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.mark.parametrize(
    "name",
    [
        *(f"a{suffix}" for suffix in sorted(IMAGE_SUFFIXES)),
        "A.JPE",
        "photo.jpg?w=640",
        "photo.jpg?v=1.5&q=.8",
        "photo.jpeg%3Fw=640",
        "photo.jpg@1280w_720h.fancy",
        "photo.jpg!large",
        "photo.png:large",
        "a.b.png",
    ],
)
def test_names_of_images(name):
    assert has_image_name(name) is True


@pytest.mark.parametrize(
    "name",
    ["IMG_0001", "3f2a9c", "frame_0.25", "photo.jpg.1", "report.2024", "photo.jpg_large", "a.jpg ", "v1.2 final"],
)
def test_names_that_say_nothing(name):
    assert has_image_name(name) is None


@pytest.mark.parametrize(
    "name", ["notes.txt", "a.jpg.part", "a.jpg.crdownload", "a.png.tmp", "clip.mp4", "a.npz", ".a.jpg", "a.jpg~"]
)
def test_names_of_other_files(name):
    assert has_image_name(name) is False


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "@EADIR",
        "#recycle",
        "$RECYCLE.BIN",
        "$Recycle.Bin",
        "@Recycle",
        "@Recently-Snapshot",
        "@tmp",
        "@sharebin",
        "@__thumb",
        "@SynoFinder-LocalDB",
        "$Extend",
        "$WINDOWS.~BT",
        "#snapshot",
        ".Trash-1000",
        "__MACOSX",
        "lost+found",
        "System Volume Information",
        ".git",
        "FOUND.000",
        "~snapshot",
    ],
)
def test_folders_of_servers_and_desktops_are_ignored(name):
    assert is_ignored_folder(name)


@pytest.mark.parametrize(
    "name", ["cat", "trash", "recycle", "#1", "lost", "a@b", "snapshot", "found.art", "Löwe", "$5", "@home", "@"]
)
def test_folders_of_people_are_not(name):
    assert not is_ignored_folder(name)


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "._a.jpg", "thumbs.db", "Desktop.ini", "a.jpg:Zone.Identifier", "SYNOPHOTO_THUMB_M.jpg", "a.jpg~"],
)
def test_files_of_servers_and_desktops_are_ignored(name):
    assert is_ignored_file(name)
    assert len(IGNORED_FILES) > 5


def test_contents_of_images():
    for suffix in (".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm"):
        assert begins_like_image(encode(noise(8, 8), suffix)), suffix
    for brand in (b"avif", b"heic", b"mif1"):
        assert begins_like_image(b"\0\0\0\x1cftyp" + brand)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BMW makes cars, and more than a few of them",
        b"P1 is a race",
        b"\0\0\0\x20ftypisom",
        b"<html>",
        b"\xff\xd8",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_contents_of_other_files(data):
    assert not begins_like_image(data)


def test_a_walk_says_what_it_did_not_take(tmp_path):
    root = lay_out(
        tmp_path / "photos", "b.jpg", "a/c.PNG", "a/IMG_1", "x.jpg?w=640", "a/@eaDir/c.PNG", "#recycle/d.png"
    )
    lay_out(root, "__MACOSX/._c.png", ".thumbs/e.png", "._b.jpg")
    lay_out(root, "notes.txt", "a/LICENSE", "README", content=b"text")
    (root / "gone.jpg").symlink_to(root / "nowhere.jpg")
    os.mkfifo(root / "pipe.jpg")
    found = find_images(root)
    assert found.names == ("a/IMG_1", "a/c.PNG", "b.jpg", "x.jpg?w=640")
    assert list(found.paths)[1] == root / "a" / "c.PNG"
    assert found.passed_over.not_taken() == (
        "; not taken: 1 file without an image's name (notes.txt), "
        "2 files without a suffix that are no images (first: README), 1 hidden or system file (._b.jpg), "
        "1 pipe, socket or device (pipe.jpg), 1 dangling link (gone.jpg), 4 ignored folders (first: #recycle)"
    )


def test_nothing_is_said_where_everything_is_taken(tmp_path):
    assert find_images(lay_out(tmp_path, "a/1.png", "b.png")).passed_over.not_taken() == ""


def test_exclusions(tmp_path):
    root = lay_out(tmp_path, "cam/a.jpg", "cam/thumbs/a.jpg", "cam/A_SMALL.JPG", "thumbs.jpg", "x/y/z.jpg")
    found = find_images(root, Exclusions(["thumbs", "*_small.*", "x/y/"]))
    assert found.names == ("cam/a.jpg", "thumbs.jpg")
    assert found.passed_over.not_taken() == (
        "; not taken: 1 excluded file (cam/A_SMALL.JPG), 2 excluded folders (first: cam/thumbs)"
    )


def test_links_are_followed_and_no_folder_is_read_twice(tmp_path):
    lay_out(tmp_path / "elsewhere", "z.jpg", "deep/y.jpg")
    root = lay_out(tmp_path / "root", "a/1.jpg", "b/2.jpg")
    (root / "a" / "up").symlink_to(root)
    (root / "0").symlink_to(root / "b")
    (root / "far").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(tmp_path / "elsewhere" / "deep")
    (root / "3.jpg").symlink_to(root / "a" / "1.jpg")
    found = find_images(root)
    assert found.names == ("3.jpg", "a/1.jpg", "again/y.jpg", "b/2.jpg", "far/z.jpg")
    assert found.passed_over.not_taken() == "; not taken: 2 links to folders that are read already (first: 0)"


def test_a_link_to_the_folder_above_reads_nothing_twice(tmp_path):
    root = lay_out(tmp_path / "root", "a/1.jpg")
    (root / "all").symlink_to(tmp_path)
    assert find_images(root).names == ("a/1.jpg",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_closed_files_and_folders_are_counted(tmp_path):
    root = lay_out(tmp_path, "a/1.png", "closed/2.png", "3")
    (root / "closed").chmod(0)
    (root / "3").chmod(0)
    try:
        found = find_images(root)
    finally:
        (root / "closed").chmod(0o700)
    assert found.names == ("a/1.png",)
    assert found.passed_over.not_taken() == (
        "; not taken: 1 file that cannot be read (3), 1 folder that cannot be read (closed)"
    )


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        find_images(tmp_path / "none")
    lay_out(tmp_path, "IMG_1")
    assert file_begins_like_image(tmp_path / "IMG_1")


@given(st.text(min_size=1))
def test_any_name_has_one_answer(name):
    assert has_image_name(name) in {True, False, None}
    assert isinstance(is_ignored_folder(name), bool)
    Exclusions([name]).match(name)


@given(st.binary(max_size=80))
def test_any_content_has_one_answer(data):
    assert isinstance(begins_like_image(data), bool)
