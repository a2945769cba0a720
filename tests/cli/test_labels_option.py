"""`--labels` and `--input-range`: each command that runs a model takes one of another tool."""

import json
import os
from contextlib import closing
from importlib.util import find_spec

import pytest
from pictures import COLOURS, picture
from tiny_model import build

from edgecls.database.reading import open_results
from edgecls.doctor.target import Target
from edgecls.results.queries.rows import find_rows

OTHER = ("-m", "other.tflite", "--labels", "labels.txt", "--input-range", "0..1")


@pytest.fixture(autouse=True)
def place(tmp_path, tiny_model):
    """A float model of 0..1 pixels with the label file of Teachable Machine, a model of edgecls, and pictures."""
    (tmp_path / "other.tflite").write_bytes(build(input_type="float32", pixel_range=(0, 1)))
    (tmp_path / "labels.txt").write_text("0 red\n1 green\n2 blue\n")
    (tmp_path / "tiny.tflite").write_bytes(tiny_model.path.read_bytes())
    for colour in COLOURS:
        (tmp_path / "data" / colour).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "data" / colour / f"{number}.png").write_bytes(picture(colour))


def test_classify(edgecls):
    done = edgecls("classify", *OTHER, *(f"data/{colour}/0.png" for colour in COLOURS), "--format", "jsonl")
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == list(COLOURS)
    assert done.stderr == ""


def test_what_was_guessed_is_said_once(edgecls, tmp_path):
    """However many interpreters are opened for a folder of many images."""
    for number in range(30):
        os.link(tmp_path / "data/red/0.png", tmp_path / f"data/red/more{number}.png")
    done = edgecls("classify", "-m", "other.tflite", "--labels", "labels.txt", "data")
    assert done.stderr.count("does not say in which range its float input takes pixels") == 1


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
def test_evaluate(edgecls):
    report = json.loads(edgecls("evaluate", "data", *OTHER, "--format", "json").stdout)
    assert (report["n"], report["accuracy"], report["labels"]) == (6, 1.0, ["blue", "green", "red"])


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")
def test_of_two_models_the_options_are_for_the_other_tools(edgecls):
    done = edgecls("evaluate", "data", "-m", "tiny.tflite", *OTHER)
    assert "A and B give the same answer for 100.0% of the images." in done.stdout
    refused = edgecls("evaluate", "data", "-m", "tiny.tflite", "-m", "tiny.tflite", "--labels", "labels.txt", code=2)
    assert "both models contain labels and preprocessing: omit --labels" in refused.stderr


def test_bench(edgecls):
    one_core = ("taskset", "-c", str(min(os.sched_getaffinity(0))))
    done = edgecls("bench", *OTHER, "--seconds", "0.01", "--images", "data/red", "--format", "json", prefix=one_core)
    (model,) = json.loads(done.stdout)["models"]
    assert all(run["images"] >= 20 for run in model["end_to_end"])


def test_run(edgecls, tmp_path):
    (tmp_path / "edgecls.toml").write_text(
        'model = "other.tflite"\nlabels = "labels.txt"\ninput_range = "0..1"\n[source]\npath = "data"\nrecursive = true\n'
    )
    checked = edgecls("run", "--config", "edgecls.toml", "--check")
    assert "model: other, self-test passed (0 golden examples)" in checked.stdout + checked.stderr
    edgecls("run", "--config", "edgecls.toml", "--until-idle", "0.5")
    with closing(open_results(tmp_path / "results.db")) as db:
        labels = {row["path"].split("/")[-2]: row["label"] for row in find_rows(db)}
    assert labels == {colour: colour for colour in COLOURS}


def test_doctor_runs_the_model_as_the_configuration_says(tmp_path):
    config = tmp_path / "edgecls.toml"
    config.write_text('model = "other.tflite"\nlabels = "labels.txt"\n[source]\npath = "data"\n')
    replayed = Target(config=config).replayed
    assert (replayed.error, replayed.value["labels"]) == (None, 3)
    assert "carries no labels" in Target(config=config, model=tmp_path / "other.tflite").replayed.error


def test_inspect(edgecls):
    description = json.loads(edgecls("inspect", "other.tflite", *OTHER[2:], "--format", "json").stdout)
    assert description["labels"] == list(COLOURS)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--labels", "nowhere.txt"), 66, "cannot read nowhere.txt: no such file"),
        (("--labels", "data"), 74, "cannot read data: it is a folder"),
        (("--labels", "two.txt"), 65, "other.tflite has 3 outputs and 2 labels: pass --labels FILE"),
        (("--labels", "latin.txt"), 65, "latin.txt: the label file is not UTF-8 text: save it as UTF-8"),
        ((), 65, "other.tflite carries no labels: pass --labels FILE"),
        (("--labels", "labels.txt", "--input-range", "0..2"), 2, "'0..2' is not one of '0..255', '0..1', '-1..1'"),
    ],
)
def test_labels_that_do_not_fit(edgecls, tmp_path, options, code, message):
    (tmp_path / "two.txt").write_text("a\nb\n")
    (tmp_path / "latin.txt").write_bytes("Größe\nb\nc\n".encode("latin-1"))
    done = edgecls("classify", "-m", "other.tflite", *options, "data/red/0.png", code=code)
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
