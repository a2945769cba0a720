"""`edgecls evaluate` with a model that tells red, green and blue apart."""

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from math import log

import pytest
from pictures import COLOURS, encode, noise, picture, plain
from tiny_model import write

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")


@pytest.fixture
def data(tmp_path):
    """Four images a class, and two greens among the reds."""
    for colour in COLOURS:
        (tmp_path / "data" / colour).mkdir(parents=True)
        for n in range(4):
            (tmp_path / "data" / colour / f"{n}.png").write_bytes(picture(colour))
    for n in range(2):
        (tmp_path / "data" / "red" / f"green {n}.png").write_bytes(picture("green"))
    return tmp_path / "data"


@pytest.fixture
def evaluate(edgecls, data, tiny_model):
    """Run the command on `data` with the tiny model."""

    def evaluate(*options, path=data, model=tiny_model.path, code=0):
        return edgecls("evaluate", str(path), "-m", str(model), *map(str, options), code=code)

    return evaluate


def test_json(evaluate):
    done = evaluate("--format", "json")
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "n": 14,
        "accuracy": 12 / 14,
        "macro_precision": pytest.approx((1 + 4 / 6 + 1) / 3),
        "macro_recall": pytest.approx((1 + 1 + 4 / 6) / 3),
        "macro_f1": pytest.approx((1 + 0.8 + 0.8) / 3),
        "per_class": {
            "blue": {"precision": 1, "recall": 1, "f1": 1, "support": 4},
            "green": {"precision": pytest.approx(4 / 6), "recall": 1, "f1": pytest.approx(0.8), "support": 4},
            "red": {"precision": 1, "recall": pytest.approx(4 / 6), "f1": pytest.approx(0.8), "support": 6},
        },
        "labels": ["blue", "green", "red"],
        "confusion_matrix": [[4, 0, 0], [0, 4, 0], [0, 2, 4]],
        "accuracy_interval": [9 / 14, 1],
        "balanced_accuracy": pytest.approx((1 + 1 + 4 / 6) / 3),
        "top5_accuracy": None,
        "log_loss": pytest.approx(-(12 * log(255 / 256) + 2 * log(1 / 512)) / 14),
        "ece": pytest.approx(255 / 256 - 12 / 14),
        "answered": 1,
        "answered_accuracy": 12 / 14,
    }


def test_the_tables(evaluate):
    done = evaluate()
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert ["green", "0.6667", "1.0000", "0.8000", "4"] in lines
    assert ["red", "0", "2", "4"] in lines
    assert ["accuracy", "[95", "%]", "0.8571", "[0.643,", "1.000]"] in lines
    assert ["balanced", "accuracy", "0.8889"] in lines
    assert ["accuracy", "of", "answered", "0.8571"] in lines
    assert "top-5" not in done.stdout


def test_one_class_measured_perfectly(evaluate, data, tmp_path):
    """scikit-learn has a warning for this, which is not the user's business."""
    (tmp_path / "blue only").mkdir()
    (data / "blue").rename(tmp_path / "blue only" / "blue")
    done = evaluate("--format", "json", path=tmp_path / "blue only")
    assert (done.stderr, json.loads(done.stdout)["accuracy"]) == ("", 1)


def test_files_that_do_not_decode_are_named_and_the_rest_is_measured(evaluate, data):
    (data / "red" / "notes.jpg").write_text("no image")
    done = evaluate("--format", "json", code=1)
    assert done.stderr == f"edgecls: {data}/red/notes.jpg is a text file, not an image: remove it: left out\n"
    assert json.loads(done.stdout)["n"] == 14


def test_a_damaged_jpeg_and_sides_below_8_pixels(evaluate, data):
    """What `convert` and `classify` take, `evaluate` takes, and what they refuse it leaves out."""
    whole = encode(noise(640, 480), ".jpg")
    (data / "red" / "holed.jpg").write_bytes(whole[:2000] + whole[2400:])
    (data / "red" / "narrow.png").write_bytes(encode(noise(300, 3)))
    done = evaluate("--format", "json", code=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edgecls: {data}/red/holed.jpg is damaged: part of the picture is missing (")
    assert json.loads(done.stdout)["n"] == 15


def test_verbose_names_every_image_and_what_decoders_remarked(evaluate, data):
    for number in range(8):
        (data / "red" / f"notes{number}.jpg").write_text("no image")
    whole = encode(noise(64, 48), ".jpg")
    (data / "red" / "padded.jpg").write_bytes(whole[:-2] + bytes(9) + whole[-2:])
    brief, full = evaluate(code=1).stderr, evaluate("--verbose", code=1).stderr
    (line,) = brief.splitlines()
    assert line.startswith("edgecls: 8 files cannot be decoded and are left out (first: ")
    assert line.endswith("/red/notes0.jpg); --verbose lists all")
    assert all(f"notes{number}.jpg" in full for number in range(8))
    remark = r"/red/padded\.jpg: Corrupt JPEG data: \d extraneous bytes before marker 0xd9 \(the picture is complete\)$"
    assert re.search(remark, full, re.MULTILINE)


def test_a_split_file(evaluate, tmp_path):
    rows = ["file,class,split", "red/0.png,red,test", "red/green 0.png,red,test", "blue/0.png,blue,train"]
    (tmp_path / "s.csv").write_text("\n".join(rows))
    options = ("--split-file", tmp_path / "s.csv", "--format", "json")
    assert json.loads(evaluate(*options).stdout)["n"] == 3
    found = json.loads(evaluate(*options, "--split", "test").stdout)
    assert (found["n"], found["accuracy"], found["labels"]) == (2, 0.5, ["green", "red"])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--split", "dev"], 2, "unknown split 'dev' (known: train, validation, test)"),
        (["--split-file", "none.csv"], 66, "cannot read none.csv"),
        (["--format", "csv"], 2, "--format"),
    ],
)
def test_errors_are_one_line(evaluate, options, code, said):
    done = evaluate(*options, code=code)
    (line,) = done.stderr.splitlines()
    assert said in line
    assert done.stdout == ""


def test_what_is_no_model(evaluate, data):
    assert "no model at none.tflite" in evaluate(model="none.tflite", code=66).stderr
    assert "is not a TFLite model" in evaluate(model=data / "red" / "0.png", code=65).stderr


def test_a_model_that_does_not_keep_its_promises(evaluate, tmp_path, golden_examples):
    red, green, *_ = golden_examples
    liar = write(tmp_path / "liar.tflite", examples=[replace(red, outputs=green.outputs)]).path
    for done in (evaluate(model=liar, code=65), evaluate("-m", liar, code=65)):
        (line,) = done.stderr.splitlines()
        assert "does not reproduce its recorded outputs" in line


def test_other_classes(evaluate, tmp_path):
    (tmp_path / "other" / "cat").mkdir(parents=True)
    (tmp_path / "other" / "cat" / "1.png").write_bytes(picture("red"))
    assert "no class of the data set is a label of" in evaluate(path=tmp_path / "other", code=65).stderr


@pytest.fixture
def swapped(tmp_path):
    """A model that takes green for blue and blue for green."""
    return write(tmp_path / "swapped.tflite", labels=["red", "blue", "green"], thresholds={}).path


def test_two_models_side_by_side(evaluate, swapped):
    """The greens among the reds are called green by one and blue by the other: neither is right."""
    done = evaluate("-m", swapped)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert ["B:", str(swapped)] in lines
    assert ["green", "4", "0.6667", "0.0000", "1.0000", "0.0000", "0.8000", "0.0000"] in lines
    assert ["accuracy", "[95", "%]", "0.8571", "[0.643,", "1.000]", "0.2857", "[0.071,", "0.500]"] in lines
    assert ["A", "right", "4", "8"] in lines
    assert ["A", "wrong", "0", "2"] in lines
    assert "A and B give the same answer for 28.6% of the images." in done.stdout
    assert "A is correct on 8 images where B is wrong, B on 0 where A is wrong: p = 0.0078" in done.stdout


def test_two_models_as_json(evaluate, swapped, tiny_model):
    found = json.loads(evaluate("-m", swapped, "--format", "json").stdout)
    assert list(found) == ["models", "mcnemar", "agreement", "left_out"]
    assert found["mcnemar"] == {
        "both_right": 4,
        "only_first": 8,
        "only_second": 0,
        "neither": 2,
        "p_value": 2 / 2**8,
    }
    assert (found["agreement"], found["left_out"]) == (pytest.approx(4 / 14), {})
    first, second = found["models"]
    assert (first["path"], first["sha256"]) == (str(tiny_model.path), tiny_model.sha256)
    assert (first["accuracy"], second["accuracy"]) == (12 / 14, 4 / 14)
    alone = json.loads(evaluate("--format", "json").stdout)
    assert {name: first[name] for name in alone} == alone


def test_a_model_against_itself(evaluate, tiny_model):
    done = evaluate("-m", tiny_model.path)
    assert done.stdout.endswith("A and B are correct on the same images.\n")


def test_models_with_different_labels(evaluate, tmp_path):
    """Only what both know is compared, and that is said."""
    other = write(tmp_path / "other.tflite", labels=["red", "lynx", "blue"])
    done = evaluate("-m", other.path, "--format", "json")
    found = json.loads(done.stdout)
    (line,) = done.stderr.splitlines()
    assert "have different labels (2 in common): 10 of 14 images are compared" in line
    assert found["left_out"] == {"green": 4}
    assert [model["n"] for model in found["models"]] == [10, 10]
    assert found["mcnemar"] == {"both_right": 8, "only_first": 0, "only_second": 0, "neither": 2, "p_value": 1}
    assert found["agreement"] == 0.8


def test_models_that_cannot_be_compared(evaluate, tmp_path, tiny_model):
    other = write(tmp_path / "other.tflite", labels=["cat", "lynx", "dog"]).path
    assert "no image has a label that both" in evaluate("-m", other, code=65).stderr
    assert "at most two can be compared" in evaluate("-m", other, "-m", tiny_model.path, code=2).stderr


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((5, 12, 0.1435), "B is correct on 12 images where A is wrong, A on 5 where B is wrong: p = 0.14 "),
        ((1, 0, 1.0), "A is correct on 1 image where B is wrong, B on 0 where A is wrong: p = 1 "),
        ((3, 3, 1.0), "the difference is not significant."),
        ((40, 2, 1e-9), "p < 0.0001 (McNemar's exact test): A is significantly better."),
    ],
)
def test_the_verdict_is_a_sentence(counts, said):
    from edgecls.cli.evaluate import verdict

    assert said in verdict(*counts)


def test_what_a_model_does_not_see_of_wide_pictures_is_reported(evaluate, tmp_path):
    for colour in COLOURS:
        (tmp_path / "wide" / colour).mkdir(parents=True)
        for n in range(2):
            (tmp_path / "wide" / colour / f"{n}.png").write_bytes(encode(plain(colour, 60 + n, 20)))
    done = evaluate("--format", "json", path=tmp_path / "wide")
    assert json.loads(done.stdout)["accuracy"] == 1
    (line,) = done.stderr.splitlines()
    assert "of the images' area lies outside the central square that the network sees" in line
