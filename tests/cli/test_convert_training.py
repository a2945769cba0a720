"""--fine-tune, --search and --resume of `edgecls convert`, in processes of their own, with a backbone of one convolution."""

import os
import signal
import subprocess
import sys
from datetime import datetime, timezone
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from children import import_path
from paths import SUPPORT
from pictures import COLOURS, noise

from edgecls.database.store import Store
from edgecls.images.frame_key import file_key
from edgecls.model.model_file import read_model
from edgecls.progress import Progress
from edgecls.records import Classification, Prediction
from edgecls.results.active_learning.reviews import Reviews

BACKBONES = SUPPORT
SCRIPT = """
import signal, sys, time
from pathlib import Path
from edgecls.training.backbones import BACKBONES, Backbone
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job of a shell lacks
BACKBONES["tiny"] = Backbone("tiny", "tiny_backbone:build", "keras", 24, 127.0, 128.0, "Apache-2.0")
{more}
from edgecls.cli.main import main
main()
"""
QUICK = """
from edgecls.training.heavy import load_tensorflow
load_tensorflow()
from edgecls.training.settings import HEAD_DEFAULTS
HEAD_DEFAULTS["epochs"] = 4
"""
"""Heads are soon trained. TensorFlow is loaded earlier than it would be otherwise."""

DAWDLE = f"""
{QUICK}
from edgecls.training.fitting import checkpoint
save = checkpoint.Checkpoint.save
def save_and_wait(self, state):
    save(self, state)
    if state.epochs_done == 3:
        Path("reached").touch()
        time.sleep(60)
checkpoint.Checkpoint.save = save_and_wait
"""
"""After the third epoch there is time to interrupt."""

HIDE = 'sys.modules["optuna"] = None  # how Python knows that it is missing'
TRAINING = ("--fine-tune", "all", "--epochs", "6", "--batch-size", "8", "--search", "2", "--augment", "photo")

pytestmark = [
    pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed"),
    pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is in the extra `search`"),
]


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Ten images each of three colours, in a sub-folder a colour."""
    root = tmp_path_factory.mktemp("data") / "colours"
    for label, rgb in COLOURS.items():
        (root / label).mkdir(parents=True)
        for number in range(10):
            pixels = 0.6 * np.array(rgb) + 0.4 * noise(48, 40, number)
            cv2.imwrite(str(root / label / f"{number}.png"), pixels[..., ::-1].astype(np.uint8))
    return root


@pytest.fixture
def start(tmp_path):
    """Start `edgecls convert` in a folder of its own below `tmp_path`, with its temporary files beside it."""

    def start(folder, *arguments, more=QUICK):
        for name in (folder, "tmp"):
            (tmp_path / name).mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(more=more), "convert", "--backbone", "tiny", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": import_path(BACKBONES), "TMPDIR": str(tmp_path / "tmp")},
            cwd=tmp_path / folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def finish(tmp_path):
    """(stdout, stderr) of a process that ends with `code`, and leaves no temporary file."""

    def finish(child, code=0):
        with child:
            out, errors = child.communicate(timeout=300)
        assert child.returncode == code, errors
        assert "Traceback" not in out + errors
        assert not list((tmp_path / "tmp").iterdir())
        return out, errors

    return finish


def test_ctrl_c_and_resume_give_the_bytes_that_there_would_have_been(colours, tmp_path, start, finish, until):
    child = start("a", colours, "-o", "m.tflite", *TRAINING, more=DAWDLE)
    until(lambda: (tmp_path / "a" / "reached").exists() or child.poll() is not None, seconds=200)
    child.send_signal(signal.SIGINT)
    out, errors = finish(child, code=130)
    assert (out, errors.splitlines()) == (
        "",
        [
            "edgecls: interrupted; training state saved in m.tflite.checkpoint, continue with --resume",
            "edgecls: error: interrupted",
        ],
    )
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["m.tflite.checkpoint", "reached"]

    out, errors = finish(start("a", colours, "-o", "m.tflite", *TRAINING, "--resume"))
    assert errors == ""
    assert " with the best of 2 settings of the head, " in out
    assert "trained: the whole network for 6 epochs" in out
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["m.tflite", "reached"]
    finish(start("b", colours, "-o", "m.tflite", *TRAINING))
    assert (tmp_path / "a" / "m.tflite").read_bytes() == (tmp_path / "b" / "m.tflite").read_bytes()


def test_a_checkpoint_that_is_not_there_or_is_none(colours, tmp_path, start, finish):
    out, errors = finish(start("a", colours, "-o", "m.tflite", "--resume"), code=2)
    assert (out, errors) == (
        "",
        "edgecls: error: there is no checkpoint m.tflite.checkpoint to resume from: omit --resume\n",
    )
    (tmp_path / "a" / "m.tflite.checkpoint").write_bytes(b"anything")
    out, errors = finish(start("a", colours, "-o", "m.tflite", "--resume"), code=65)
    assert (out, errors) == (
        "",
        "edgecls: error: m.tflite.checkpoint is damaged: delete it, and omit --resume\n",
    )


def test_a_search_without_the_library_is_reported_at_once(tmp_path, start, finish):
    """Before the data set is looked for."""
    out, errors = finish(start("a", "no such folder", "-o", "m.tflite", "--search", "3", more=HIDE), code=69)
    assert (out, errors) == (
        "",
        "edgecls: error: optuna is not installed: pip install 'edgecls[convert,search]'\n",
    )
    assert not list((tmp_path / "a").iterdir())


def test_what_was_reviewed_trains_too(colours, tmp_path, start, finish):
    """A file that is gone is named, and the exit code says so; the test images are those of the data set."""
    now = datetime.now(timezone.utc)
    with Store(tmp_path / "results.db") as store:
        store.begin_run(
            sha256="ab" * 32, model_name="m", labels=["blue"], metrics={}, device="pi4", source="files",
            version="0.1.0", config={},
        )  # fmt: skip
        for number in range(4):
            path = tmp_path / f"{number}.png"
            pixels = 0.6 * np.array(COLOURS["red"]) + 0.4 * noise(48, 40, 50 + number)
            cv2.imwrite(str(path), pixels[..., ::-1].astype(np.uint8))
            key = file_key(path.name, path.read_bytes())
            store.write(Classification("files", key, str(path), now, now, "blue", 0.6, (Prediction("blue", 0.6),)))
    with Reviews(tmp_path / "results.db") as reviews:
        for row in (1, 2, 3, 4):
            reviews.put(row, "red")
    (tmp_path / "3.png").unlink()
    options = ("--fine-tune", "none", "--max-drop", "1", "--add-reviews", tmp_path / "results.db")
    out, errors = finish(start("a", colours, "-o", "m.tflite", *options, "--report", "report"), code=1)
    assert "including 3 reviewed images" in out
    assert errors.splitlines()[0] == (
        f"edgecls: 1 reviewed images do not exist (the first: {tmp_path / '3.png'}): copy them to this machine, and name "
        "their folder with --review-images"
    )
    from edgecls.training.data.dataset import read_dataset

    info = read_model(tmp_path / "a" / "m.tflite").info
    assert info.dataset["reviewed"] == 3
    assert info.dataset["images"]["test"] == read_dataset(colours, None, 0, Progress()).counts()["test"]
    assert sum(map(sum, (each.values() for each in info.dataset["images"].values()))) == 30 + 3
    assert "3 of these are reviewed images" in (tmp_path / "a" / "report" / "report.html").read_text()
