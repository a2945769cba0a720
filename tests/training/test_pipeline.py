"""Whole conversions in this process, with a backbone of one convolution. The real one: tests/cli/test_convert.py."""

import dataclasses

import numpy as np
import pytest
import typer
from image_folders import image, write_csv, write_folder
from quick import convert
from typer.testing import CliRunner

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.cli.conversion_summary import print_conversion
from edgecls.cli.convert import convert as command
from edgecls.errors import IoFailed
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden
from edgecls.model.model_file import read_model
from edgecls.progress import Progress
from edgecls.training import pipeline
from edgecls.training.evaluation.temperature import Scaling
from edgecls.training.settings import FINE_TUNING_DEFAULTS, Training

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_backbone")]


@pytest.mark.parametrize("quantization", ["int8", "float16", "dynamic", "float32"])
def test_a_model_of_each_precision(colours, tmp_path, capsys, quantization):
    done = convert(colours, tmp_path / "m.tflite", quantization=quantization, seed=3)
    model = read_model(tmp_path / "m.tflite")
    assert done.model == model
    assert model.labels == ("blue", "green", "red")
    assert model.info.quantization == quantization
    assert (model.info.name, model.info.backbone) == ("m", "tiny")
    assert model.info.dataset == {"fingerprint": done.dataset.fingerprint, "images": done.dataset.counts(), "seed": 3}
    assert model.info.metrics["split"] == "test"
    if quantization != "float32":
        assert model.info.metrics["float32"] == done.float_evaluation.summary()
    assert model.info.metrics[quantization] == done.evaluation.summary()
    assert done.evaluation.accuracy == 1
    print_conversion(done)
    figures = capsys.readouterr().out.split("on the test images    ")[1].split("\n\n")[0].splitlines()[2:]
    assert [line.split()[0] for line in figures] == list(dict.fromkeys(["float32", quantization]))
    assert replay_golden(Classifier(model)) == 3
    replay_golden(Classifier(model, reference_kernels=True), exact=quantization == "int8")


@pytest.mark.parametrize("quantization", ["int8", "float32"])
def test_the_same_seed_gives_the_same_file(colours, tmp_path, quantization):
    files = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        convert(colours, tmp_path / folder / "m.tflite", quantization=quantization)
        files.append((tmp_path / folder / "m.tflite").read_bytes())
    assert files[0] == files[1]


def test_another_seed_gives_another(colours, tmp_path):
    done = [convert(colours, tmp_path / "m.tflite", seed=seed) for seed in (0, 1)]
    assert done[0].model.sha256 != done[1].model.sha256
    assert done[0].dataset.fingerprint != done[1].dataset.fingerprint


def test_the_steps_are_timed(colours, tmp_path):
    progress = Progress()
    done = convert(colours, tmp_path / "m.tflite", progress=progress)
    assert done.seconds is progress.seconds
    assert list(done.seconds) == [
        "reading images",
        "loading TensorFlow",
        "loading backbone",
        "caching pixels",
        "frozen layers",
        "training head",
        "converting to float",
        "evaluating float",
        "rounding weights",
        "quantizing to int8",
        "evaluating int8",
        "choosing thresholds",
        "recording golden examples",
    ]
    assert all(seconds >= 0 for seconds in done.seconds.values())


def test_the_test_images_are_not_seen_before_the_test(colours, tmp_path):
    """Other images in the test change what is measured, and nothing in the network."""
    split_file = write_csv(
        tmp_path / "s.csv",
        "file,class,split",
        *(
            f"{label}/{n:02}.png,{label},{'test' if n > 7 else 'val' if n > 5 else 'train'}"
            for label in ("blue", "green", "red")
            for n in range(10)
        ),
    )
    before = convert(colours, tmp_path / "before.tflite", split_file=split_file)
    for label, other in (("blue", "green"), ("green", "red"), ("red", "blue")):
        for n in (8, 9):
            (colours / label / f"{n:02}.png").write_bytes(image(other, seed=100 + n))
    after = convert(colours, tmp_path / "after.tflite", split_file=split_file)
    assert before.evaluation.accuracy == 1
    assert after.evaluation.accuracy == 0
    assert before.model.golden == after.model.golden
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    scores = [Classifier(done.model).scores(pixels).tolist() for done in (before, after)]
    assert scores[0] == scores[1]


def test_the_command_leaves_out_what_does_not_decode(colours, tmp_path, caplog):
    (colours / "red" / "notes.jpg").write_text("no image")
    (colours / "red" / "cut.png").write_bytes(image("red")[:100])
    app = typer.Typer()
    app.command()(command)
    model = tmp_path / "m.tflite"
    options = ["--backbone", "tiny", "--fine-tune", "none", "--epochs", "5", "--learning-rate", "0.5"]
    done = CliRunner().invoke(app, [str(colours), "-o", str(model), *options], catch_exceptions=False)
    assert done.exit_code == 1
    assert "left out: 2 images that cannot be decoded, 0 duplicates" in done.stdout
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    first = colours / "red" / "cut.png"
    assert line == f"2 files cannot be decoded and are left out (first: {first}); --verbose lists all"
    images = read_model(model).info.dataset["images"]
    assert sum(sum(counts.values()) for counts in images.values()) == 30


def test_the_command_writes_a_report(colours, tmp_path):
    app = typer.Typer()
    app.command()(command)
    options = ["--backbone", "tiny", "--fine-tune", "all", "--epochs", "2", "--augment", "none"]
    options += ["--report", str(tmp_path / "report")]
    done = CliRunner().invoke(app, [str(colours), "-o", str(tmp_path / "m.tflite"), *options], catch_exceptions=False)
    assert done.exit_code == 0
    page = tmp_path / "report" / "report.html"
    assert f"report: {page}" in done.stdout
    text = page.read_text("utf-8")
    assert "the whole network for 2 epochs" in text
    assert all(label in text for label in ("blue", "green", "red"))
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, [str(colours), "-o", str(tmp_path / "n.tflite"), "--report", str(tmp_path / "file")])
    assert isinstance(done.exception, IoFailed)
    assert not (tmp_path / "n.tflite").exists()


def test_more_classes_than_golden_examples_and_fewer_images_than_a_batch(tmp_path):
    data = write_folder(tmp_path / "many", {f"class {n}": 3 for n in range(6)})
    done = convert(data, tmp_path / "m.tflite", training=Training(epochs=1, batch_size=64, fine_tune="none"))
    assert len(done.model.golden) == 4
    assert len(done.model.labels) == 6
    assert done.evaluation.n == 6


def test_labels_of_other_scripts(tmp_path):
    data = write_folder(tmp_path / "data", {"Löwe": 3, "猫 1": 3})
    assert convert(data, tmp_path / "m.tflite").model.labels == ("Löwe", "猫 1")


def test_fine_tuning_trains_the_backbone_too(colours, tmp_path):
    training = Training(fine_tune="all", epochs=20, learning_rate=0.01, batch_size=8)
    done = convert(colours, tmp_path / "m.tflite", training=training)
    epochs = [each.number for each in done.history if each.phase == "fine-tuning"]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) > 3
    assert done.plan.startswith("the whole network for 20 epochs")
    assert done.settings["augmentation"] in ("digits", "photo", "inspection")
    assert done.evaluation.accuracy == 1


def test_no_time_means_the_head_only(colours, tmp_path):
    done = convert(colours, tmp_path / "m.tflite", training=Training(time_budget=0, augmentation="none"))
    assert done.plan == "the head only: the time budget leaves no time for fine-tuning"
    assert {each.phase for each in done.history} == {"head"}


def test_the_same_seed_gives_the_same_file_with_fine_tuning(colours, tmp_path):
    training = Training(fine_tune="all", epochs=2, batch_size=8, augmentation="photo")
    files = [convert(colours, tmp_path / "m.tflite", training=training).model.sha256 for _ in range(2)]
    assert files[0] == files[1]


def test_a_temperature_at_its_bound_is_reported(caplog):
    for temperature, told in ((20.0, 1), (1.3, 0)):
        caplog.clear()
        pipeline._warn_of_bound(Scaling(temperature, (0.1, 0.1)))
        assert len(caplog.records) == told


def test_the_settings_are_those_that_were_used(colours, tmp_path):
    """Nothing is left open, in the report or in the model file; where things lie is in the report only."""
    done = convert(colours, tmp_path / "m.tflite", training=Training(fine_tune="none", epochs=5))
    told = {name: done.settings[name] for name in ("epochs", "optimizer", "learning_rate", "label_smoothing")}
    assert told == {"epochs": 5, "optimizer": "adam", "learning_rate": 3e-3, "label_smoothing": 0.0}
    assert (done.settings["dataset"], done.settings["split_file"], done.settings["resume"]) == (
        str(colours), None, False,
    )  # fmt: skip
    training = read_model(tmp_path / "m.tflite").info.training
    assert training == {name: done.settings[name] for name in training}
    assert training.keys() == {field.name for field in dataclasses.fields(Training)}
    assert training["augmentation"] == "none"


def test_the_time_that_was_planned_with_is_reported(colours, tmp_path):
    done = convert(colours, tmp_path / "m.tflite", training=Training(epochs=1, augmentation="none"))
    assert (done.settings["time_budget"], done.settings["epochs"]) == (600, 1)
    assert (done.settings["optimizer"], done.settings["learning_rate"]) == (
        FINE_TUNING_DEFAULTS["optimizer"],
        FINE_TUNING_DEFAULTS["learning_rate"],
    )


def test_thresholds_are_in_the_model(tmp_path):
    """Colours that are easily told apart, and two classes of grey that cannot be."""
    data = write_folder(tmp_path / "data", {"red": 60, "blue": 60, "grey": 60, "ash": 60})
    for number in range(60):
        (data / "ash" / f"{number:02}.png").write_bytes(image("grey", seed=1000 + number))
    splits = ["test"] * 12 + ["val"] * 12 + ["train"] * 36
    rows = [f"{label}/{n:02}.png,{label},{splits[n]}" for label in ("red", "blue", "grey", "ash") for n in range(60)]
    split_file = write_csv(tmp_path / "s.csv", "file,class,split", *rows)
    done = convert(data, tmp_path / "m.tflite", split_file=split_file, force=True)
    thresholds = read_model(tmp_path / "m.tflite").info.thresholds
    assert dict(thresholds) == done.thresholds.by_label
    silent = {each.label for each in done.thresholds.unreached}
    assert all(thresholds[label] == 1 for label in silent)
    assert all(done.coverage.per_label[label].answered == 0 for label in silent)
    answered = {label: counts.answered for label, counts in done.coverage.per_label.items()}
    assert answered["red"] + answered["blue"] > 3 * (answered["grey"] + answered["ash"])
    assert not read_model(convert(data, tmp_path / "n.tflite", min_precision=0, force=True).model.path).info.thresholds
