"""Which value is white in the files of a data set."""

import logging

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from image_folders import write_folder
from pictures import COLOURS, encode, noise

from edgecls.errors import UsageError
from edgecls.images.depth import White
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.progress import Progress
from edgecls.training.data.dataset import read_dataset
from edgecls.training.data.read_split import read_split


def picture(label, seed):
    tint = np.array(COLOURS[label])
    return 0.6 * tint + 0.4 * noise(48, 40, seed)


def write_deep(root, white, *, dtype=np.uint16, suffix=".png", count=8, first=0):
    """A folder with two classes whose files have `white` where others have 255."""
    for label in ("red", "blue"):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            values = np.round(picture(label, number) / 255 * white).astype(dtype)
            values[0, 0] = white
            (root / label / f"{number}{suffix}").write_bytes(encode(values, suffix))
    return root


def read(path, **options):
    return read_dataset(path, None, 0, Progress(), **options)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".ppm"])
@pytest.mark.parametrize("white", [255, 1023, 4095, 16383])
def test_white_is_found_and_told(tmp_path, white, suffix):
    data = read(write_deep(tmp_path, white, suffix=suffix))
    assert data.white == White(255, white)
    assert [str(white) in problem.message for problem in data.of_kind("depth")] == [True]
    assert len(data.samples) == 16  # by their upper 8 bits all would be copies


def test_full_range_is_nothing_to_tell(tmp_path):
    data = read(write_deep(tmp_path, 65535))
    assert data.white == White(255, 65535)
    assert not data.of_kind("depth")


def test_files_of_eight_bits_say_nothing_of_sixteen(tmp_path):
    assert read(write_folder(tmp_path, {"red": 8, "blue": 8})).white == White()


def test_files_of_eight_bits_beside_deep_ones_stay_as_they_are(tmp_path):
    data = read(write_deep(write_folder(tmp_path, {"red": 8, "blue": 8}), 4095, first=50))
    assert data.white == White(255, 4095)
    spec = Preprocessing(16, 12, white8=data.white.eight, white16=data.white.sixteen)
    means = [load_pixels(sample.read(), spec).mean() for sample in data.samples]
    assert min(means) > 0.6 * max(means)


def test_counted_digits_and_masks_in_files_of_eight_bits(tmp_path):
    assert read(write_deep(tmp_path / "digits", 16, dtype=np.uint8)).white == White(16)
    assert read(write_deep(tmp_path / "dim", 63, dtype=np.uint8)).white == White()


def test_one_bright_image_decides_for_all(tmp_path):
    """Never each for itself; but that most are dark is reported."""
    write_deep(tmp_path, 1023)
    (tmp_path / "red" / "bright.png").write_bytes(encode(np.full((40, 48, 3), 60000, np.uint16)))
    data = read(tmp_path)
    assert data.white == White(255, 65535)
    (problem,) = data.of_kind("depth")
    assert "have no value above 1023, while 65535 is used as white" in problem.message
    assert "add --white 1023" in problem.message
    assert read(tmp_path, white=1023).white == White(255, 1023)


def test_a_broken_pixel_does_not_decide(tmp_path):
    write_deep(tmp_path, 4095)
    values = np.full((240, 320, 3), 2000, np.uint16)
    values[100, 100] = 65535
    (tmp_path / "red" / "broken.png").write_bytes(encode(values))
    assert read(tmp_path).white == White(255, 4095)


def test_a_white_that_is_given(tmp_path):
    deep, shallow = write_deep(tmp_path / "deep", 1000), write_folder(tmp_path / "shallow", {"red": 8, "blue": 8})
    assert read(deep, white=2000).white == White(255, 2000)
    assert read(shallow, white=200).white == White(200)
    with pytest.raises(UsageError, match=r"^--white is 4095, but the files have 8 bits"):
        read(shallow, white=4095)
    jpegs = write_deep(tmp_path / "jpegs", 255, dtype=np.uint8, suffix=".jpg")
    with pytest.raises(UsageError, match=r"^--white applies to PNG"):
        read(jpegs, white=200)


def test_the_same_images_are_left_out_when_a_model_is_measured(tmp_path):
    write_deep(tmp_path, 255)
    data = read(tmp_path)
    again = read_split(tmp_path, None, "test", Progress(), white=data.white, model_images=data.image_list())
    assert [sample.path for sample in again.samples] == [sample.path for sample in data.of("test")]
    assert not again.skipped


def save(path, x, **more):
    np.savez(path, x_train=x, y_train=np.arange(len(x)) % 2, **more)
    return path


def pixels_of(data):
    return np.stack([sample.read()[..., 0] for sample in sorted(data.samples, key=lambda each: each.row.number)])


DIGITS = np.random.default_rng(0).integers(0, 17, (40, 8, 8))
DIGITS[:, 0, 0] = 16


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64, np.uint16])
def test_an_npz_of_0_to_16(tmp_path, dtype):
    data = read(save(tmp_path / "digits.npz", DIGITS.astype(dtype)))
    assert np.array_equal(pixels_of(data), np.rint(DIGITS * 255 / 16))
    assert "up to 16: 16 is used as white" in data.of_kind("depth")[0].message
    assert data.scale == (np.dtype(dtype).name, 16)


@pytest.mark.parametrize("white", [1, 255, 4095, 65535])
def test_an_npz_of_other_ranges(tmp_path, white):
    values = DIGITS / 16 * white
    assert np.array_equal(pixels_of(read(save(tmp_path / "floats.npz", values))), np.rint(values * 255 / white))


def test_a_camera_that_wrote_an_npz_writes_files_of_the_same_range(tmp_path):
    assert read(save(tmp_path / "deep.npz", (DIGITS * 255).astype(np.uint16))).white == White(255, 4095)
    assert read(save(tmp_path / "floats.npz", DIGITS / 16)).white == White()


def test_floats_may_leave_their_range_a_little_as_interpolation_makes_them(tmp_path):
    values = DIGITS / 16 * 1.3 - 0.1
    assert np.array_equal(pixels_of(read(save(tmp_path / "sharp.npz", values))), np.clip(np.rint(values * 255), 0, 255))


def test_an_npz_of_booleans_and_one_of_a_given_white(tmp_path):
    assert np.array_equal(pixels_of(read(save(tmp_path / "masks.npz", DIGITS > 8))), (DIGITS > 8) * 255)
    half = read(save(tmp_path / "half.npz", DIGITS / 32), white=1)
    assert pixels_of(half).max() == 128
    assert pixels_of(read(tmp_path / "half.npz", white=2)).max() == 64


def test_dark_test_images_are_scaled_as_those_in_training(tmp_path):
    """As `evaluate` reads another file of the same kind; of another kind its own range says what is white."""
    model = read(save(tmp_path / "digits.npz", DIGITS.astype(float))).scale
    dark, other = save(tmp_path / "dark.npz", DIGITS / 2), save(tmp_path / "other.npz", DIGITS / np.float32(16))
    assert pixels_of(read_split(dark, None, None, Progress(), scale=model)).max() == 128
    bright = save(tmp_path / "bright.npz", DIGITS.astype(float) * 15)
    assert pixels_of(read_split(bright, None, None, Progress(), scale=model)).max() == 240
    assert pixels_of(read_split(other, None, None, Progress(), scale=model._replace(dtype="uint8"))).max() == 255


@example(2, "float32")
@given(st.integers(1, 65535), st.sampled_from(["uint16", "int32", "float32", "float64"]))
def test_any_range_fits_and_keeps_its_order(tmp_path_factory, most, dtype):
    values = np.linspace(0, most, 8 * 6 * 5).reshape(8, 6, 5).astype(dtype)
    pixels = pixels_of(read_split(save(tmp_path_factory.mktemp("any") / "a.npz", values), None, None, Progress()))
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()
    assert pixels.max() >= 32  # floats up to 2, of which 16 is white; all others come nearer to white


def test_nothing_is_said_of_the_first_look(tmp_path, caplog):
    """Before white is known, pictures are read with all their bits: that these are dark is no news of a model."""
    with caplog.at_level(logging.WARNING):
        read(write_deep(tmp_path, 1023))
    assert not [record for record in caplog.records if "the model takes" in record.getMessage()]
