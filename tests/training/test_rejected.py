"""Where the precision that was asked for loses too much, the next safer one is written under its own name."""

import os

import pytest
import typer
from quick import convert
from typer.testing import CliRunner

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.cli.convert import convert as command
from edgecls.errors import BadData
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden
from edgecls.model.model_file import read_model
from edgecls.training import exporter as exporter_module
from edgecls.training import precision as precision_module
from edgecls.training.evaluation.gate import compare_precisions
from edgecls.training.report import write_report

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_backbone")]


@pytest.fixture
def int8_fails(monkeypatch):
    """int8 takes every image for something else."""
    monkeypatch.setattr(
        exporter_module, "classify_samples", scramble(exporter_module.classify_samples, {"int8", "quantized"})
    )


def scramble(predict, names):
    def predict_badly(model, *arguments, **options):
        found = predict(model, *arguments, **options)
        if model.path.stem in names:
            found.scores[:] = found.scores[:, ::-1].copy()
            found.scores[:, 1] = found.scores.min(axis=1) / 2
        return found

    return predict_badly


@pytest.fixture
def rejects(monkeypatch):
    """Have the gate refuse these precisions."""

    def rejects(*precisions):
        make = exporter_module.ModelExporter
        monkeypatch.setattr(
            precision_module, "compare_precisions", lambda a, b: Refused(compare_precisions(a, b), b, precisions)
        )
        measure = make.measure

        def measured(self, flatbuffer, name):
            found = measure(self, flatbuffer, name)
            object.__setattr__(found, "precision", name)
            return found

        monkeypatch.setattr(make, "measure", measured)
        monkeypatch.setattr(
            exporter_module, "compare_precisions", lambda a, b: Refused(compare_precisions(a, b), b, precisions)
        )

    return rejects


class Refused:
    """A gate that does not pass for some precisions."""

    def __init__(self, gate, predictions, precisions):
        self._gate, self._refused = gate, getattr(predictions, "precision", "") in precisions

    def __getattr__(self, name):
        return getattr(self._gate, name)

    def passes(self, max_drop):
        return not self._refused and self._gate.passes(max_drop)


@pytest.mark.parametrize(
    ("asked", "refused", "written"),
    [
        ("int8", ["int8"], "float16"),
        ("int8", ["int8", "float16"], "float32"),
        ("dynamic", ["dynamic"], "float16"),
        ("float16", ["float16"], "float32"),
    ],
)
def test_the_next_safer_precision_is_written_beside(colours, tmp_path, rejects, asked, refused, written):
    rejects(*refused)
    output = tmp_path / "birds.tflite"
    output.write_bytes(b"the old model")
    done = convert(colours, output, quantization=asked)
    assert output.read_bytes() == b"the old model"
    path = tmp_path / f"birds.{written}.tflite"
    assert done.model.path == path
    model = read_model(path)
    assert (model.info.quantization, model.info.name) == (written, f"birds.{written}")
    assert model.info.metrics["gate"]["passed"]
    assert model.info.metrics["rejected"]["quantization"] == asked
    assert written in model.info.metrics
    assert asked not in model.info.metrics
    assert done.passed
    assert (done.rejected.quantization, done.rejected.output) == (asked, output)
    assert done.settings["quantization"] == asked
    assert replay_golden(Classifier(model)) == 3
    assert sorted(os.listdir(tmp_path)) == [path.name, "birds.tflite", "colours"]


def test_a_model_of_that_name_is_not_replaced(colours, tmp_path, rejects):
    rejects("int8")
    (tmp_path / "m.float16.tflite").write_bytes(b"somebody's")
    (tmp_path / "m.float16-2.tflite").symlink_to("nowhere")
    assert convert(colours, tmp_path / "m.tflite").model.path == tmp_path / "m.float16-3.tflite"
    assert (tmp_path / "m.float16.tflite").read_bytes() == b"somebody's"


def test_the_command_says_so_and_ends_with_1(colours, tmp_path, rejects):
    rejects("int8")
    app = typer.Typer()
    app.command()(command)
    output, report = tmp_path / "m.tflite", tmp_path / "report"
    options = ["--backbone", "tiny", "--fine-tune", "none", "--epochs", "5", "--learning-rate", "0.5"]
    done = CliRunner().invoke(
        app, [str(colours), "-o", str(output), "--report", str(report), *options], catch_exceptions=False
    )
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edgecls: {output} was not written: int8 loses too much")
    assert line.endswith(f"; written instead: {tmp_path / 'm.float16.tflite'}, float16")
    assert "with --force" in line
    assert "int8 was not written: it loses +0.0000, 90 % interval -" in done.stdout
    assert ", more than the 0.01 allowed" in done.stdout
    assert "accuracy of float16: " in done.stdout
    assert "Not int8:" in (report / "report.html").read_text("utf-8")


def test_into_a_pipe_nothing_else_is_written(colours, tmp_path, rejects):
    rejects("int8")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadData, match="pipe was not written: int8 loses too much"):
        convert(colours, tmp_path / "pipe")


@pytest.mark.usefixtures("int8_fails")
def test_int8_that_is_wrong_about_everything(colours, tmp_path):
    done = convert(colours, tmp_path / "m.tflite")
    assert done.model.path == tmp_path / "m.float16.tflite"
    assert done.evaluation.accuracy == 1
    assert done.rejected.gate.interval[0] > 0.01
    assert done.rejected.refit_tried
    assert not done.refit_tried
    write_report(tmp_path / "report", done)
