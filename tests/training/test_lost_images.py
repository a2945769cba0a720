"""Images that are damaged when the data set is read, and images that are gone or torn at any moment afterwards."""

import logging

import numpy as np
import pytest
import typer
from image_folders import write_csv
from pictures import COLOURS, encode, noise
from quick import QUICK, convert
from typer.testing import CliRunner

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.cli.convert import convert as command
from edgecls.errors import BadData
from edgecls.progress import Progress
from edgecls.training import exporter as exporter_module
from edgecls.training import pipeline
from edgecls.training.data.dataset import read_dataset
from edgecls.training.data.read_split import read_split
from edgecls.training.settings import Training

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_backbone")]
SPLITS = {"train": range(6), "val": range(6, 8), "test": range(8, 10)}


def photograph(label, seed):
    """A JPEG of 640 x 480 pixels in the tint of a colour, large enough to be decoded at an eighth when it is read."""
    return encode((0.6 * np.array(COLOURS[label]) + 0.4 * noise(640, 480, seed)).astype(np.uint8), ".jpg")


def holed(data, at=2000):
    return data[:at] + data[at + 400 :]


@pytest.fixture
def split_file(tmp_path):
    rows = [
        f"{label}/{number:02}.png,{label},{split}"
        for label in ("blue", "green", "red")
        for split, numbers in SPLITS.items()
        for number in numbers
    ]
    return write_csv(tmp_path / "splits.csv", "file,class,split", *rows)


def test_a_damaged_jpeg_in_any_split_is_left_out_and_named_before_training(colours, split_file, tmp_path, caplog):
    damaged = [colours / "red" / f"{number:02}.png" for number in (0, 6, 8)]
    for path in damaged:
        path.write_bytes(holed(photograph("red", 50)))
    done = convert(colours, tmp_path / "m.tflite", split_file=split_file)
    assert [path for path, _ in done.dataset.skipped] == damaged
    assert all("part of the picture is missing" in reason for _, reason in done.dataset.skipped)
    assert done.dataset.counts() == {
        "train": {"blue": 6, "green": 6, "red": 5},
        "validation": {"blue": 2, "green": 2, "red": 1},
        "test": {"blue": 2, "green": 2, "red": 1},
    }
    assert len(done.predictions) == 5
    assert not done.dataset.losses
    first = caplog.records[0].getMessage()
    assert first == f"3 files cannot be decoded and are left out (first: {damaged[0]}); --verbose lists all"


def test_reading_for_training_and_for_evaluation_leave_out_the_same(colours):
    whole = photograph("red", 51)
    for number, length in enumerate(range(700, len(whole) - 500, 900)):
        (colours / "red" / f"cut{number:02}.jpg").write_bytes(holed(whole, length))
    (colours / "red" / "narrow.png").write_bytes(encode(noise(300, 3)))
    (colours / "red" / "tiny.jpg").write_bytes(encode(noise(2, 2), ".jpg"))
    trained = read_dataset(colours, None, 0, Progress())
    measured = read_split(colours, None, None, Progress())
    assert len(trained.skipped) > 5
    assert trained.skipped == measured.skipped
    assert {sample.path for sample in trained.samples} == {sample.path for sample in measured.samples}
    assert {"narrow.png", "tiny.jpg"} <= {sample.path.name for sample in trained.samples}


@pytest.fixture
def lose(colours, monkeypatch):
    """Remove or tear images at a moment of the conversion: when training begins, or when it is over."""

    def at(moment, *paths):
        def act():
            for number, path in enumerate(paths):
                if number % 2:
                    (colours / path).write_bytes(b"torn")
                else:
                    (colours / path).unlink()

        target, name = (
            (pipeline, "load_tensorflow") if moment == "begin" else (exporter_module.ModelExporter, "export_float")
        )
        before = getattr(target, name)

        def acting(*arguments):
            act()
            return before(*arguments)

        monkeypatch.setattr(target, name, acting)

    return at


@pytest.mark.parametrize(("moment", "fine_tune"), [("begin", "none"), ("end", "none"), ("end", "all")])
def test_images_that_are_lost_during_a_conversion_do_not_end_it(
    colours, split_file, tmp_path, lose, moment, fine_tune, caplog
):
    gone = [f"{label}/{number:02}.png" for label in ("blue", "red") for number in (0, 6, 8)]
    lose(moment, *gone)
    training = QUICK if fine_tune == "none" else Training(fine_tune="all", epochs=1, augmentation="none")
    done = convert(colours, tmp_path / "m.tflite", split_file=split_file, training=training, force=True)
    assert done.model.path.exists()
    assert len(done.predictions) == len(done.float_predictions) == 4
    named = [record.message.split(" ")[0] for record in caplog.records if "left out from now on" in record.message]
    assert named
    assert set(named) <= {str(colours / path) for path in gone}
    assert len(done.dataset.losses) == (6 if moment == "begin" else 2)


def test_the_command_names_what_was_lost_and_exits_with_1(colours, split_file, tmp_path, lose, caplog):
    lose("end", "red/08.png")
    app = typer.Typer()
    app.command()(command)
    options = ["--backbone", "tiny", "--fine-tune", "none", "--epochs", "5", "--learning-rate", "0.5"]
    paths = [str(colours), "-o", str(tmp_path / "m.tflite"), "--split-file", str(split_file)]
    done = CliRunner().invoke(app, [*paths, *options, "--quantize", "float32"], catch_exceptions=False)
    assert done.exit_code == 1
    assert (tmp_path / "m.tflite").exists()
    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith(f"{colours}/red/08.png cannot be read: no such file or folder: it was readable when")


def test_a_data_set_that_is_gone_altogether_is_an_error_of_one_line(colours, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "load_tensorflow", lambda: colours.rename(tmp_path / "elsewhere"))
    with pytest.raises(BadData, match=r"^no image of class '.*' can be read any more: check that the disk"):
        convert(colours, tmp_path / "m.tflite")
