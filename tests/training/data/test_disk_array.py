import numpy as np
import pytest

from edgecls.errors import IoFailed
from edgecls.training.data.disk_array import DiskArray


def test_it_is_an_array_on_disk(tmp_path):
    array = DiskArray(tmp_path / "a", (3, 4, 2), np.float16)
    assert not array.read(0).any()
    array.write((1, 2), np.array([1.5, -2.0], np.float16))
    array.write(2, np.full((4, 2), 7, np.float16))
    assert array.read((1, 2)).tolist() == [1.5, -2.0]
    assert array.read((1, np.array([2, 0]))).tolist() == [[1.5, -2.0], [0, 0]]
    assert array.read(np.array([2, 2])).shape == (2, 4, 2)
    assert (tmp_path / "a").stat().st_size == 3 * 4 * 2 * 2


def test_what_was_read_is_a_copy(tmp_path):
    array = DiskArray(tmp_path / "a", (2,), np.uint8)
    read = array.read(slice(None))
    read[:] = 9
    array.write(0, np.array(5, np.uint8))
    assert read.tolist() == [9, 9]
    assert array.read(slice(None)).tolist() == [5, 0]


def test_a_disk_without_room_is_reported_at_once(tmp_path):
    with pytest.raises(
        IoFailed, match=r"cannot reserve 4,500\.0 GB for temporary files in .* \(set TMPDIR to another folder\)"
    ):
        DiskArray(tmp_path / "a", (30, 150_000_000_000), np.uint8)
    assert not (tmp_path / "a").exists()


def test_it_outlives_its_name_and_then_frees_the_disk(small_disk):
    """So nothing is left of a process that is killed."""
    for _ in range(3):
        array = DiskArray(small_disk / "a", (300_000,), np.uint8)
        (small_disk / "a").unlink()
        array.write(slice(None), np.full(300_000, 7, np.uint8))
        assert array.read(299_999) == 7
        with pytest.raises(IoFailed, match="cannot reserve"):
            DiskArray(small_disk / "b", (300_000,), np.uint8)
        del array
    assert not list(small_disk.iterdir())
