import contextlib
import io
import os
import pickle
import re
import zipfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from pictures import noise

from edgecls.errors import BadData, InputNotFound, UsageError
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.progress import Progress
from edgecls.training.data.dataset import SPLITS, read_dataset
from edgecls.training.data.read_split import read_split
from edgecls.training.data.samples import read_samples

CHANCE = np.random.default_rng(0)


def pixels(count, *shape):
    return CHANCE.integers(0, 256, (count, *shape), np.uint8)


def labels(count, classes=2):
    return np.arange(count) % classes


def digits(**changed):
    """30 training and 10 test images of two classes, in the layout of mnist.npz."""
    arrays = {"x_train": pixels(30, 8, 6), "y_train": labels(30), "x_test": pixels(10, 8, 6), "y_test": labels(10)}
    return {name: array for name, array in (arrays | changed).items() if array is not None}


@pytest.fixture
def save(tmp_path):
    def save(name="digits.npz", **changed):
        np.savez_compressed(tmp_path / name, **digits(**changed))
        return tmp_path / name

    return save


def test_a_sample_names_its_array_and_is_read_from_it(save):
    arrays = digits()
    path = save(**arrays)
    samples = {str(sample.path): sample for sample in read_samples(path)}
    assert len(samples) == 40
    sample = samples[f"{path}#x_train[17]"]
    assert (sample.label, sample.split) == ("1", None)
    assert np.array_equal(sample.read(), np.dstack([arrays["x_train"][17]] * 3))
    assert samples[f"{path}#x_test[4]"].split == "test"
    assert load_pixels(sample.read(), Preprocessing(16, 12)).shape == (12, 16, 3)


def test_colours_are_kept_and_may_not_be_overwritten(save):
    x = pixels(30, 8, 6, 3)
    sample = next(s for s in read_samples(save(x_train=np.asfortranarray(x))) if s.row.array == "x_train")
    assert np.array_equal(sample.read(), x[sample.row.number])
    with pytest.raises(ValueError, match="read-only"):
        sample.read()[:] = 0


def test_a_sample_is_light_equal_and_can_be_sent_to_another_process(save):
    samples = read_samples(save())
    assert len(pickle.dumps(samples[0])) < 1000
    again = pickle.loads(pickle.dumps(samples))
    assert again == samples
    assert len({*again, *samples}) == 40
    assert np.array_equal(again[3].read(), samples[3].read())


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([["a"], ["b"]] * 15), {"a", "b"}),
        (np.array([0, 10] * 15, np.uint8)[:, None], {"0", "10"}),
        (np.array([-1, 2] * 15), {"-1", "2"}),
    ],
)
def test_labels_are_numbers_or_text(save, y, expected):
    assert {sample.label for sample in read_samples(save(y_train=y, x_test=None, y_test=None))} == expected


def test_splits_are_cut_from_the_training_images_and_found_again(save):
    path = save()
    data = read_dataset(path, None, 3, Progress())
    counts = Counter(sample.split for sample in data.samples)
    assert counts["train"] + counts["validation"] == 30
    assert counts["test"] == 10
    assert 1 < counts["validation"] < 10
    assert {sample.row.array for sample in data.of("test")} == {"x_test"}
    for split in SPLITS:
        assert list(read_split(path, None, split, Progress(), model_images=data.image_list()).samples) == data.of(split)


def test_half_precision_is_read_without_a_warning(save):
    image = pixels(30, 8, 6)
    path = save(x_train=(image / 255).astype(np.float16), x_test=None, y_test=None)
    assert np.array_equal(read_samples(path)[0].read()[..., 0], image[0])


def test_without_test_images_some_are_held_out(save):
    data = read_dataset(save(x_test=None, y_test=None), None, 0, Progress())
    counts = Counter(sample.split for sample in data.samples)
    assert counts.keys() == set(SPLITS)
    assert counts.total() == 30


def test_the_fingerprint_is_of_the_pixels(save, tmp_path):
    arrays = digits()
    first = read_dataset(save(**arrays), None, 0, Progress()).fingerprint
    (tmp_path / "elsewhere").mkdir()
    assert read_dataset(save("elsewhere/other.npz", **arrays), None, 0, Progress()).fingerprint == first
    arrays["x_train"] = arrays["x_train"].copy()
    arrays["x_train"][0, 0, 0] ^= 1
    assert read_dataset(save("elsewhere/other.npz", **arrays), None, 0, Progress()).fingerprint != first


def test_a_file_that_is_replaced_is_read_again(save):
    path = save()
    os.utime(path, (1, 1))  # file systems tell times some milliseconds apart
    read_samples(path)
    arrays = digits()
    (sample,) = (s for s in read_samples(save(**arrays)) if s.row[1:3] == ("x_train", 3))
    assert np.array_equal(sample.read()[..., 0], arrays["x_train"][3])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"y_train": None}, r"has no array 'y_train': it must hold x_train"),
        ({"x_train": None}, r"has no array 'x_train'"),
        ({"x_test": None}, r"has no array 'x_test'"),
        ({"x_train": np.zeros((30, 8, 6), "U4")}, "x_train is <U4, and must be numbers: store pixels from 0 to 255"),
        (
            {"x_train": pixels(30, 8, 6) / 127.5 - 1},
            "x_train has values from -1 to 1: store pixels from 0, which is black",
        ),
        ({"x_train": np.full((30, 8, 6), np.nan)}, "x_train has values from nan to nan: store pixels from 0"),
        ({"x_test": pixels(10, 8, 6) * 1000.0}, "x_test has values from .* to 255000: store pixels from 0"),
        ({"x_train": pixels(30, 48)}, r"x_train has the shape \(30, 48\): make it \(n, height, width\), with 1 or 3"),
        ({"x_train": pixels(30, 3, 8, 6)}, r"x_train has the shape \(30, 3, 8, 6\)"),
        ({"x_train": pixels(30, 0, 6)}, r"x_train has the shape \(30, 0, 6, 1\)"),
        ({"y_train": labels(29)}, "x_train has 30 images, y_train 29 labels: store one label per image"),
        ({"y_train": labels(30) / 2}, "y_train is float64, and must be integers or text"),
        ({"y_train": np.eye(30, dtype=int)}, r"y_train has the shape \(30, 30\): make it \(n,\), one label per image"),
        ({"x_train": pixels(0, 8, 6), "y_train": labels(0), "x_test": None, "y_test": None}, "lists no images"),
        ({"y_train": np.array(["unknown"] * 30)}, "the class name .unknown. is reserved"),
    ],
)
def test_what_is_wrong_with_the_arrays(save, changed, said):
    with pytest.raises(BadData, match=said) as caught:
        read_samples(save(**changed))
    assert "\n" not in str(caught.value)


def test_objects_are_not_unpickled(save):
    with pytest.raises(BadData, match=r"cannot be read as an \.npz file .*: save it again"):
        read_samples(save(y_train=np.array([{}] * 30, dtype=object)))


def npy():
    file = io.BytesIO()
    np.save(file, noise(4, 4))
    return file.getvalue()


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x_train", "no array")
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"no zip\n", npy(), zipped()], ids=["empty", "text", "npy", "zip"])
def test_what_is_no_npz(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(BadData, match=r"d\.npz (cannot be read as an \.npz file|has no array 'x_train')") as caught:
        read_samples(tmp_path / "d.npz")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "d.npz"
    np.savez_compressed(path, **digits())
    return path


@given(st.data())
def test_a_damaged_file_is_one_clear_error_or_still_good(whole, data):
    content = bytearray(whole.read_bytes())
    damaged = whole.with_name("damaged.npz")
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged.write_bytes(content)
    with contextlib.suppress(BadData):
        assert all(sample.read().dtype == np.uint8 for sample in read_samples(damaged))


def test_the_example_of_the_documentation(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "how-to" / "data-sets.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
    data = read_dataset(tmp_path / "noise.npz", None, 0, Progress())
    counts = {split: sum(counts.values()) for split, counts in data.counts().items()}
    assert counts["test"] == 20
    assert counts["train"] + counts["validation"] == 80


def test_options_that_are_about_files(save, tmp_path):
    with pytest.raises(UsageError, match=r"--split-file applies to files, and .* contains none: omit it"):
        read_samples(save(), tmp_path / "s.csv")
    with pytest.raises(UsageError, match="--group-by applies to files"):
        read_samples(save(), group_by="x")


def test_a_file_that_is_gone_or_has_shrunk(save):
    path = save()
    sample = next(s for s in read_samples(path) if s.row.array == "x_train")
    far = replace(sample, row=sample.row._replace(number=29))
    save(x_train=pixels(3, 8, 6), y_train=labels(3))
    with pytest.raises(BadData, match="was changed while it was in use: start again"):
        far.read()
    path.unlink()
    with pytest.raises(InputNotFound, match="no such file"):
        sample.read()
