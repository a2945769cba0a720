import numpy as np

from edgecls.convert.training.disk_array import DiskArray


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
