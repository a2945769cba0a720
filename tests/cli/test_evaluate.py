"""`edgecls evaluate` with a model that tells red, green and blue apart."""

import json
from importlib.util import find_spec

import pytest
from pictures import COLOURS, picture

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
    }


def test_the_tables(evaluate):
    done = evaluate()
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert ["green", "0.6667", "1.0000", "0.8000", "4"] in lines
    assert ["red", "0", "2", "4"] in lines
    assert ["14", "0.8571", "0.8889", "0.8889", "0.8667"] in lines


def test_one_class_measured_perfectly(evaluate, data, tmp_path):
    """scikit-learn has a warning for this, which is not the user's business."""
    (tmp_path / "blue only").mkdir()
    (data / "blue").rename(tmp_path / "blue only" / "blue")
    done = evaluate("--format", "json", path=tmp_path / "blue only")
    assert (done.stderr, json.loads(done.stdout)["accuracy"]) == ("", 1)


def test_files_that_do_not_decode_are_named_and_the_rest_is_measured(evaluate, data):
    (data / "red" / "notes.jpg").write_text("no image")
    done = evaluate("--format", "json", code=1)
    assert done.stderr == f"edgecls: {data}/red/notes.jpg is not an image that OpenCV can decode: left out\n"
    assert json.loads(done.stdout)["n"] == 14


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
        (["--split", "dev"], 2, "no split is called 'dev': choose from train, validation, test"),
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


def test_other_classes(evaluate, tmp_path):
    (tmp_path / "other" / "cat").mkdir(parents=True)
    (tmp_path / "other" / "cat" / "1.png").write_bytes(picture("red"))
    assert "no class of the data set is a label of" in evaluate(path=tmp_path / "other", code=65).stderr
