"""`edgecls convert` as a user runs it: in a process of its own, on real photographs of solar cells."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from children import import_path

from edgecls.model.model_file import read_model

# A background job of a shell, and all that it starts, ignores Ctrl-C; these tests may be run by one.
HEEDS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
PROGRAM = [sys.executable, "-c", f"{HEEDS}from edgecls.cli.main import main; main()"]
CELLS = 60
"""of each class"""
needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed")


def edgecls(*arguments, lacks=None, **environment):
    """Run the program; `lacks` is a folder with a sitecustomize that hides packages."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": import_path(*filter(None, [lacks])), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # of a machine that is busy, or small
    )


@pytest.fixture
def hide(tmp_path):
    """Make packages impossible to import in a child process."""

    def hide(*names):
        folder = tmp_path / "lacks"
        folder.mkdir()
        # None in the place of a module is how Python knows that it is missing.
        (folder / "sitecustomize.py").write_text(f"import sys; sys.modules.update(dict.fromkeys({names}))")
        return folder

    return hide


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A folder with links to real photographs, functional and defective."""
    elpv_dataset = pytest.importorskip("elpv_dataset", reason="the package elpv-dataset is not installed")
    source = Path(elpv_dataset.__path__[0]) / "data"
    rows = [line.split() for line in (source / "labels.csv").read_text().splitlines()]
    root = tmp_path_factory.mktemp("elpv") / "cells"
    for label, probability in (("functional", 0.0), ("defective", 1.0)):
        (root / label).mkdir(parents=True)
        for name in [row[0] for row in rows if float(row[1]) == probability][::5][:CELLS]:  # neighbours are alike
            (root / label / Path(name).name).symlink_to(source / name)
    return root


@pytest.fixture(scope="module")
def conversion(cells, tmp_path_factory):
    """(the finished process, the model file, what it left in the folder for temporary files)."""
    if find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    model, work = tmp_path_factory.mktemp("out") / "cells.tflite", tmp_path_factory.mktemp("tmp")
    done = edgecls(
        "convert",
        cells,
        "-o",
        model,
        "--fine-tune",
        "top",
        "--epochs",
        "2",
        "--max-drop",
        "0.2",
        "--seed",
        "3",
        TMPDIR=str(work),
    )
    return done, model, sorted(os.listdir(work))


def test_it_succeeds_and_says_nothing_else(conversion):
    done, _, _ = conversion
    assert done.returncode == 0
    assert done.stderr == ""  # not a word of TensorFlow's either


def test_the_tables_on_stdout(conversion):
    done, model, _ = conversion
    counts, accuracies, trust, seconds, last = [block.splitlines() for block in done.stdout.strip().split("\n\n")]
    head, *classes, total = [line.split() for line in counts if "-" not in line]
    assert head == ["class", "train", "validation", "test", "weight"]
    assert [line[0] for line in classes] == ["defective", "functional"]
    images = [[int(count) for count in line[1:4]] for line in classes]
    assert [sum(of_class) for of_class in images] == [CELLS, CELLS]
    assert total == ["total", *(str(sum(of_split)) for of_split in zip(*images, strict=True))]
    assert [line.split()[0] for line in accuracies[2:]] == ["float32", "int8"]
    assert all(re.fullmatch(r"\S+( +[01]\.\d{4}){4}", line) for line in accuracies[2:])
    assert "accuracy" in accuracies[0]
    assert trust[0].startswith("trained: the upper 59% of the network for 2 epochs")
    assert re.fullmatch(r"int8 and float32 give the same answer for [\d.]+% of the images", trust[2])
    assert re.fullmatch(
        r"loss of accuracy: [+-]0\.\d{4}( \(one image\))?, 90 % interval -0\.\d{4} to \+0\.\d{4}(, so .*)?", trust[3]
    )
    steps = [line.rsplit(maxsplit=1) for line in seconds[2:]]
    assert {"reading images", "training head", "fine-tuning", "quantizing to int8", "evaluating int8"} <= {
        name for name, _ in steps
    }
    assert sum(float(value) for _, value in steps[:-1]) == pytest.approx(float(steps[-1][1]), abs=0.06 * len(steps))
    found = read_model(model)
    assert last == [f"{model}: {found.size / 1e6:.2f} MB, sha256 {found.sha256[:12]}…"]


def test_nothing_is_left_but_the_model(conversion):
    _, model, left = conversion
    assert left == []
    assert [path.name for path in model.parent.iterdir()] == ["cells.tflite"]


def test_the_model_says_what_it_is(conversion):
    found = read_model(conversion[1])
    assert found.labels == ("defective", "functional")
    assert (found.info.backbone, found.info.quantization) == ("efficientnet-lite0", "int8")
    assert found.info.dataset["seed"] == 3
    assert found.info.metrics["int8"]["n"] == sum(found.info.dataset["images"]["test"].values())
    assert found.info.metrics["int8"]["accuracy"] > 0.6  # chance is 0.5; this little training gave 0.9
    assert len(found.golden) == 2
    assert 3e6 < found.size < 5e6


def test_it_passes_its_golden_examples_exactly(conversion):
    done = edgecls("inspect", conversion[1], "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["golden"] == {
        "examples": 2,
        "fast kernels": "within tolerance",
        "reference kernels": "exact",
    }


def test_it_classifies(conversion, cells):
    done = edgecls("classify", cells, "-m", conversion[1], "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr, len(rows)) == (0, "", 2 * CELLS)
    assert sum(row["top_k"][0]["label"] == Path(row["path"]).parent.name for row in rows) > 0.6 * 2 * CELLS


@pytest.mark.parametrize("split", ["test", "validation"])
def test_it_is_as_good_as_it_says(conversion, cells, split):
    done = edgecls("evaluate", cells, "-m", conversion[1], "--split", split, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found, info = json.loads(done.stdout), read_model(conversion[1]).info
    assert found["n"] == sum(info.dataset["images"][split].values())
    if split == "test":
        figures = {name: np.round(found[name], 6).tolist() for name in info.metrics["int8"]}
        assert figures == info.metrics["int8"]


def test_it_is_measured_without_tensorflow(conversion, cells, hide):
    done = edgecls(
        "evaluate", cells, "-m", conversion[1], "--split", "test", "--format", "json", lacks=hide("tensorflow", "keras")
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert round(json.loads(done.stdout)["accuracy"], 6) == read_model(conversion[1]).info.metrics["int8"]["accuracy"]


@needs_tensorflow
def test_an_interrupt_leaves_nothing(cells, tmp_path, until):
    work, model = tmp_path / "work", tmp_path / "out" / "m.tflite"
    work.mkdir()
    model.parent.mkdir()
    command = [*PROGRAM, "convert", str(cells), "-o", str(model)]
    environment = {**os.environ, "TMPDIR": str(work)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        until(lambda: list(work.glob("edgecls-*/backbone.tflite")), seconds=60)
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=300)
    assert (child.returncode, out, errors) == (130, "", "edgecls: error: interrupted\n")
    assert not list(work.iterdir())
    assert not list(model.parent.iterdir())


def complaint(done, code):
    """The only line of a command that failed with `code`."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecls: error: ")
    return line


@pytest.mark.parametrize("package", ["tensorflow", "keras", "sklearn"])
def test_without_the_extra(tmp_path, hide, package):
    done = edgecls("convert", tmp_path, "-o", tmp_path / "m.tflite", lacks=hide(package))
    assert complaint(done, 69).endswith(": pip install 'edgecls[convert]'")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backbone", "resnet"], "unknown backbone 'resnet' (known: efficientnet-lite0"),
        (["--optimizer", "lion"], "unknown optimizer 'lion' (known: adam, adamw, sgd, rmsprop)"),
        (["--fine-tune", "some"], "unknown fine-tuning 'some' (known: auto, none, top, all)"),
        (["--time-budget", "soon"], "invalid duration 'soon': write 90s, 10m or 1h"),
        (["--input-size", "225"], "does not support images of 225 pixels"),
        (["--quantize", "int4"], "unknown quantization 'int4' (known: int8, float16, dynamic, float32)"),
        (["--epochs", "0"], "--epochs"),
        (["--learning-rate", "fast"], "--learning-rate"),
        (["--batch-size", "-1"], "--batch-size"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_options_that_make_no_sense_are_told_at_once(tmp_path, hide, options, said):
    """Before TensorFlow is loaded, so that it need not be there."""
    done = edgecls("convert", tmp_path, "-o", tmp_path / "m.tflite", *options, lacks=hide("tensorflow"))
    assert said in complaint(done, 2)


def test_the_model_must_be_named(tmp_path):
    assert "--output" in complaint(edgecls("convert", tmp_path), 2)


@pytest.mark.parametrize("name", ["results.db", "notes", "photos.csv"])
def test_a_file_of_another_kind_is_not_replaced_by_a_model(tmp_path, hide, name):
    (tmp_path / name).write_bytes(b"SQLite format 3\0")
    done = edgecls("convert", tmp_path, "-o", tmp_path / name, lacks=hide("tensorflow"))
    assert f"{name} exists and is not a model: use another name, such as" in complaint(done, 2)
    assert (tmp_path / name).read_bytes() == b"SQLite format 3\0"


@needs_tensorflow
@pytest.mark.parametrize(
    ("data", "output", "code", "said"),
    [
        ("none", "m.tflite", 66, "there is no data set"),
        ("empty", "m.tflite", 65, "no sub-folders in"),
        ("empty", "none/m.tflite", 66, "the folder "),
        ("empty", "empty", 74, "it is a folder: name a file"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path, data, output, code, said):
    (tmp_path / "empty").mkdir()
    assert said in complaint(edgecls("convert", tmp_path / data, "-o", tmp_path / output), code)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@needs_tensorflow
def test_what_cannot_work_is_reported_before_anything_slow_is_imported(tmp_path, hide):
    """Seconds of imports would be nothing but waiting."""
    (tmp_path / "empty").mkdir()
    model = tmp_path / "m.tflite"
    lacks = hide("tensorflow.python", "keras.src", "sklearn.metrics", "scipy.stats", "matplotlib.pyplot", "pandas")
    for arguments, code in (
        (("none", "-o", model), 66),
        (("empty", "-o", model), 65),
        (("empty", "-o", tmp_path / "none" / "m.tflite"), 66),
        (("empty", "-o", model, "--resume"), 2),
    ):
        complaint(edgecls("convert", tmp_path / arguments[0], *arguments[1:], lacks=lacks), code)


@needs_tensorflow
def test_a_report_folder_of_a_failed_conversion_is_removed_if_it_was_made(tmp_path):
    (tmp_path / "empty").mkdir()
    command = ("convert", tmp_path / "empty", "-o", tmp_path / "m.tflite", "--report")
    assert "no sub-folders in" in complaint(edgecls(*command, tmp_path / "reports" / "first"), 65)
    assert "no sub-folders in" in complaint(edgecls(*command, tmp_path / "empty"), 65)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    (tmp_path / "file").touch()
    said = complaint(edgecls(*command, tmp_path / "file"), 74)
    assert said.endswith(f"cannot create the folder {tmp_path}/file: the name is already taken: choose another one")


@needs_tensorflow
@pytest.mark.skipif(not Path("/sys").is_dir(), reason="no /sys on this system")
def test_a_folder_that_may_not_be_written_to(cells):
    """/sys refuses root too."""
    assert "cannot write /sys/m.tflite: " in complaint(edgecls("convert", cells, "-o", "/sys/m.tflite"), 74)
