"""What cannot work, and what goes wrong in the middle of a conversion."""

import dataclasses
import errno
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from quick import convert

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.errors import BadData, BadModel, InputNotFound, IoFailed, MissingExtra, Unavailable, UsageError
from edgecls.files import write_atomically
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden
from edgecls.model.model_file import read_model
from edgecls.training import exporter as exporter_module
from edgecls.training import pipeline
from edgecls.training.output_lock import lock_output
from edgecls.training.settings import Training

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_backbone")]


@pytest.fixture
def never(monkeypatch):
    """Fails the test if training is reached."""
    monkeypatch.setattr(pipeline, "load_tensorflow", lambda *_: pytest.fail("training was begun"))


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"backbone": "resnet"}, UsageError, "unknown backbone 'resnet'"),
        ({"quantization": "int4"}, UsageError, "unknown quantization 'int4'"),
        ({"training": Training(augmentation="music")}, UsageError, r"'music' \(known: auto, none, photo"),
        ({"resume": True}, UsageError, "m.tflite.checkpoint to resume from: omit --resume"),
        (
            {"backbone": "cnn", "training": Training(search=2)},
            UsageError,
            "pretrained network, and cnn is not pretrained",
        ),
        ({"input_size": 25}, UsageError, "does not support images of 25 pixels"),
        ({"output": "none/m.tflite"}, InputNotFound, "the folder .*none does not exist: create it first"),
        ({"output": "colours"}, IoFailed, "it is a folder: name a file"),
        ({"data": "none"}, InputNotFound, "there is no data set"),
        ({"split_file": "none.csv"}, InputNotFound, r"cannot read none\.csv"),
        ({"data": "colours/red"}, BadData, "no sub-folders in"),
    ],
)
def test_what_cannot_work_is_reported_before_training(colours, tmp_path, options, error, said):
    paths = {"data": colours, "output": tmp_path / "m.tflite"}
    for name in paths:
        if name in options:
            paths[name] = tmp_path / options.pop(name)
    with pytest.raises(error, match=said):
        convert(paths["data"], paths["output"], **options)
    assert not (tmp_path / "m.tflite").exists()


def test_weights_that_are_not_installed(colours, tmp_path, monkeypatch, tiny_backbone):
    other = dataclasses.replace(tiny_backbone, package="no_such_package_of_weights")
    monkeypatch.setitem(pipeline.find_backbone.__globals__["BACKBONES"], "tiny", other)
    with pytest.raises(MissingExtra, match="the weights of tiny are not installed"):
        convert(colours, tmp_path / "m.tflite")


def test_a_failure_at_the_end_leaves_the_old_model_and_nothing_else(colours, tmp_path, monkeypatch):
    output = tmp_path / "out" / "m.tflite"
    output.parent.mkdir()
    write_atomically(output, b"the old model")

    def fail(_):
        raise BadModel("the golden examples disagree")

    monkeypatch.setattr(exporter_module, "verify", fail)
    with pytest.raises(BadModel, match="disagree"):
        convert(colours, output)
    assert [path.name for path in output.parent.iterdir()] == ["m.tflite"]
    assert output.read_bytes() == b"the old model"
    assert not list(Path(tempfile.gettempdir()).glob("edgecls-*"))


def test_a_full_disk_for_temporary_files_is_named(colours, tmp_path, monkeypatch, small_disk):
    (small_disk / "ballast").write_bytes(bytes(506 * 1024))
    monkeypatch.setenv("TMPDIR", str(small_disk))
    with pytest.raises(Unavailable, match=f"{small_disk}/.*: the disk is full: free some space, or set TMPDIR to"):
        convert(colours, tmp_path / "m.tflite")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


@pytest.mark.parametrize(
    "error",
    [
        lambda _: OSError(errno.ENOSPC, "No space left on device"),
        lambda folder: OSError(errno.ENOSPC, "No space left on device", f"{folder}/edgecls-x/backbone.tflite"),
    ],
)
def test_whatever_writes_there_when_the_disk_is_full(colours, tmp_path, monkeypatch, error):
    monkeypatch.setattr(pipeline, "_describe", lambda *_: throw(error(tempfile.gettempdir())))
    said = (
        f"cannot keep temporary files in {tempfile.gettempdir()} \\(set TMPDIR to another folder\\): the disk is full"
    )
    with pytest.raises(Unavailable, match=said):
        convert(colours, tmp_path / "m.tflite")


def test_other_errors_of_the_system_keep_their_file(colours, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_describe", lambda *_: throw(PermissionError(errno.EACCES, "no", "/weights")))
    with pytest.raises(PermissionError, match="/weights"):
        convert(colours, tmp_path / "m.tflite")


def test_a_folder_for_temporary_files_that_is_not_there(colours, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with pytest.raises(
        InputNotFound, match=r"cannot keep temporary files in .*none \(set TMPDIR.*: no such file or folder"
    ):
        convert(colours, tmp_path / "m.tflite")


def throw(error):
    raise error


def test_an_image_that_vanishes_midway(colours, tmp_path, monkeypatch):
    load = pipeline.load_tensorflow

    def vanish():
        (colours / "red" / "00.png").unlink()
        load()

    monkeypatch.setattr(pipeline, "load_tensorflow", vanish)
    assert len(convert(colours, tmp_path / "m.tflite").dataset.losses) == 1


def test_a_model_that_cannot_be_written_to_its_place_is_kept(colours, tmp_path, monkeypatch, temporary_folder):
    """A stick that is pulled out, say, while it trains."""
    output = tmp_path / "stick" / "m.tflite"
    output.parent.mkdir()
    choose = pipeline._warn_of_bound

    def pull_out(scaling):
        choose(scaling)
        shutil.rmtree(output.parent)

    monkeypatch.setattr(pipeline, "_warn_of_bound", pull_out)
    with pytest.raises(IoFailed, match=r"stick does not exist: .*: the model was saved as .*: copy it") as raised:
        convert(colours, output)
    (kept,) = temporary_folder.glob("m-*.tflite")
    assert f"saved as {kept} instead:" in str(raised.value)
    assert replay_golden(Classifier(read_model(kept))) == 3
    kept.unlink()


def test_a_file_system_without_modes(colours, tmp_path, monkeypatch):
    """As a stick with exFAT: a new model, and one in the place of an old one."""

    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "fchmod", "chown", "fchown", "link"):
        monkeypatch.setattr(os, name, refuse)
    for _ in range(2):
        assert convert(colours, tmp_path / "m.tflite").model == read_model(tmp_path / "m.tflite")


@pytest.mark.usefixtures("never")
def test_a_second_conversion_into_one_output(colours, tmp_path):
    with (
        lock_output(tmp_path / "m.tflite"),
        pytest.raises(Unavailable, match=r"cannot write .*m\.tflite: another conversion is writing it"),
    ):
        convert(colours, tmp_path / "m.tflite")


@pytest.mark.usefixtures("never")
def test_an_image_of_the_data_set_is_no_output(colours, tmp_path):
    for output in (colours / "red" / "00.png", tmp_path / "s.csv"):
        output.touch()
        with pytest.raises(UsageError, match=r"it would replace .*, which is read: name another file"):
            convert(colours, output, **({"split_file": output} if output.suffix == ".csv" else {}))


@pytest.mark.parametrize("kind", ["pipe", "null"])
def test_into_a_pipe_or_a_device(colours, tmp_path, kind):
    output, received = tmp_path / kind, []
    if kind == "pipe":
        os.mkfifo(output)
        reader = threading.Thread(target=lambda: received.append(output.read_bytes()))
        reader.start()
    else:
        output.symlink_to("/dev/null")
    done = convert(colours, output, training=Training(epochs=1, fine_tune="all", augmentation="none"))
    if kind == "pipe":
        reader.join(timeout=30)
        (tmp_path / "m.tflite").write_bytes(received[0])
        assert read_model(tmp_path / "m.tflite").sha256 == done.model.sha256
    assert sorted(os.listdir(tmp_path)) == sorted(["colours", kind, *(["m.tflite"] if received else [])])
