"""Conversions of data sets in which not every class has images for every purpose."""

import shutil

import pytest
from image_folders import image, write_csv, write_folder
from quick import convert

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.errors import BadData
from edgecls.model.model_file import read_model
from edgecls.training.report import write_report

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_backbone")]


def test_a_class_without_validation_or_test_images_is_trained_and_never_answered(colours, tmp_path):
    for n in range(1, 10):
        (colours / "green" / f"{n:02}.png").unlink()
    (colours / "empty").mkdir()
    done = convert(colours, tmp_path / "m.tflite", min_precision=0.6)
    model = read_model(tmp_path / "m.tflite")
    assert model.labels == ("blue", "green", "red")
    assert model.info.thresholds["green"] == 1
    (line,) = done.never_answered
    assert line.startswith("green is never answered: its 0 validation images cannot show a precision of 0.6: add")
    assert "green" not in done.evaluation.per_class or done.evaluation.per_class["green"]["support"] == 0
    page = write_report(tmp_path / "report", done).read_text("utf-8")
    assert "green" in page
    assert len(model.images) == 21


def test_a_test_without_one_of_the_classes(colours, tmp_path):
    rows = [
        f"{label}/{n:02}.png,{label},{'train' if n < 6 or label == 'green' else 'val' if n < 8 else 'test'}"
        for label in ("blue", "green", "red")
        for n in range(10)
    ]
    done = convert(colours, tmp_path / "m.tflite", split_file=write_csv(tmp_path / "s.csv", "file,class,split", *rows))
    assert done.evaluation.n == 4
    assert {problem.message.split(":")[0] for problem in done.dataset.of_kind("class not in every split")} == {
        "class 'green' has no validation image",
        "class 'green' has no test image",
    }


def test_an_archive_with_folders_of_splits(tmp_path):
    folders = {
        f"{split}/{label}": count
        for split, count in (("train", 6), ("valid", 2), ("test", 2))
        for label in ("blue", "red")
    }
    folder = write_folder(tmp_path / "data", folders)
    for n, path in enumerate(sorted(folder.rglob("*.png"))):
        path.write_bytes(image(path.parent.name, n))
    packed = shutil.make_archive(str(tmp_path / "data"), "zip", folder)
    done = convert(packed, tmp_path / "m.tflite")
    assert done.dataset.counts() == {
        "train": {"blue": 6, "red": 6}, "validation": {"blue": 2, "red": 2}, "test": {"blue": 2, "red": 2},
    }  # fmt: skip
    assert done.evaluation.accuracy == 1
    page = write_report(tmp_path / "report", done).read_text("utf-8")
    assert "data.zip" in page


def test_fewer_than_two_classes_to_train(colours, tmp_path):
    rows = [
        f"{label}/{n:02}.png,{label},{'train' if label == 'red' else 'test'}"
        for label in ("blue", "red")
        for n in range(9)
    ]
    with pytest.raises(BadData, match="only 'red' has training images, and a classifier needs at least two classes"):
        convert(colours, tmp_path / "m.tflite", split_file=write_csv(tmp_path / "s.csv", "file,class,split", *rows))
