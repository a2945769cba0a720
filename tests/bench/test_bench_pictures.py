import numpy as np
import pytest
from pictures import picture as coloured

from edgecls.bench import pictures
from edgecls.bench.pictures import generate_images, of_folder, picture
from edgecls.errors import BadData, InputNotFound
from edgecls.images.preprocess import decode


def test_made_pictures_are_the_same_each_time_and_take_the_room_of_photographs(monkeypatch):
    monkeypatch.setattr(pictures, "GENERATED", {(500, 375): 2})
    (load,), (again,) = generate_images(), generate_images()
    assert load == again
    assert load.name == "500x375"
    assert len(set(load.images)) == 2
    assert decode(load.images[0]).shape == (375, 500, 3)
    assert 0.45 < load.mean_bytes / (500 * 375) < 0.6


def test_the_sizes_that_are_made():
    assert list(pictures.GENERATED) == [(500, 375), (1920, 1080), (4056, 3040)]


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
def test_a_picture_of_any_shape(size):
    assert picture(*size, seed=0).shape == (size[1], size[0], 3)
    assert picture(*size, seed=0).dtype == np.uint8


def test_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.PNG").write_bytes(coloured("red"))
    (tmp_path / "deep" / "c.jpg").write_bytes(coloured("blue", ".jpg"))
    (tmp_path / "a.png").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("no picture")
    load, (wrong,) = of_folder(tmp_path)
    assert load.images == (coloured("red"), coloured("blue", ".jpg"))
    assert load.suffixes == (".PNG", ".jpg")
    assert wrong.startswith(f"{tmp_path / 'a.png'} is a text file, not an image")


def test_what_is_not_taken_is_counted_in_one_line(tmp_path, caplog):
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "a.png").write_bytes(coloured("red"))
    (tmp_path / "notes.txt").write_text("no picture")
    of_folder(tmp_path)
    assert caplog.messages == [
        f"{tmp_path}: 1 images; not taken: 1 file without an image's name (notes.txt), 1 ignored folder (@eaDir)"
    ]


def test_folders_without_pictures(tmp_path):
    with pytest.raises(InputNotFound, match="no folder at"):
        of_folder(tmp_path / "none")
    with pytest.raises(InputNotFound, match="no images in"):
        of_folder(tmp_path)
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(BadData, match=r"no image in .* can be decoded"):
        of_folder(tmp_path)
