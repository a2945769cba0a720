"""`edgecls bench`."""

import json
import os
import signal
import subprocess
import sys

import pytest
from pictures import picture

ONE_CORE = ("taskset", "-c", str(min(os.sched_getaffinity(0))))
"""A sweep over the threads of one core is a short one."""
QUICK = ("--seconds", "0.01", "--images", "images")


@pytest.fixture(autouse=True)
def place(tmp_path, tiny_model):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(picture("red"))
    (tmp_path / "images" / "b.jpg").write_bytes(picture("blue", ".jpg"))
    (tmp_path / "tiny.tflite").write_bytes(tiny_model.path.read_bytes())


def test_one_model_as_json(edgecls, tmp_path):
    done = edgecls("bench", "-m", "tiny.tflite", *QUICK, "--format", "json", prefix=ONE_CORE)
    found = json.loads(done.stdout)
    (model,) = found["models"]
    assert (model["name"], model["runtime"], model["operator_times"]) == ("tiny", "litert", None)
    assert found["machine"]["cores"] == 1
    assert [stage["stage"] for stage in model["stages"]] == ["decode", "resize", "decode+resize", "infer", "commit"]
    for stage in model["stages"]:
        assert 0 < stage["median_ms"] <= stage["p99_ms"]
        assert stage["count"] >= 20
    assert [run["plan"] for run in model["end_to_end"]] in (["own choice", "1"], ["own choice", "1 x 1"])
    for run in model["end_to_end"]:
        assert run["images"] >= 20
        assert run["peak_mib"] > 20
    assert sum(operator["multiply_adds"] for operator in model["operators"]) == 9
    assert found["compared"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "tiny.tflite"]


def test_two_models_as_tables_of_80_columns(edgecls):
    done = edgecls("bench", "-m", "tiny.tflite", "-m", "tiny.tflite", *QUICK, prefix=ONE_CORE)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("tiny, litert, ")
    assert done.stdout.count("the time of an operator") == 2
    ratios = next(line for line in lines if line.startswith("multiply-adds, millions"))
    assert ratios.split()[-1] == "1.00"
    assert "A tiny" in done.stdout


def test_a_picture_that_cannot_be_used(edgecls, tmp_path):
    (tmp_path / "images" / "broken.jpg").write_bytes(b"\xff\xd8 nothing more")
    done = edgecls("bench", "-m", "tiny.tflite", *QUICK, "--format", "json", code=1, prefix=ONE_CORE)
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecls: images/broken.jpg ")
    assert json.loads(done.stdout)["models"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("-m missing.tflite", 66, "no model at missing.tflite"),
        ("-m images/a.png", 65, "is not a TFLite model"),
        ("-m tiny.tflite --images none", 66, "no folder at none: name a folder that holds images"),
        ("-m tiny.tflite -m tiny.tflite -m tiny.tflite", 2, "3 models given, but at most two can be compared"),
        ("--seconds 0", 2, "Invalid value for '--seconds'"),
    ],
)
def test_bad_input(edgecls, arguments, code, said):
    done = edgecls("bench", *arguments.split(), code=code)
    (line,) = done.stderr.splitlines()
    assert said in line
    assert done.stdout == ""


@pytest.mark.parametrize("when", ["edgecls-bench-*", "edgecls-bench-*/daemon/results.db"])
def test_interrupted(environment, tmp_path, temporary_folder, until, when):
    """Nothing is left behind, neither a file (see `no_leaks`) nor the daemon."""
    command = [
        *ONE_CORE,
        sys.executable,
        "-m",
        "edgecls",
        "bench",
        "-m",
        "tiny.tflite",
        "--images",
        "images",
        "--seconds",
        "0.2",
    ]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as child:
        until(lambda: list(temporary_folder.glob(when)) or child.poll() is not None)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (130, "edgecls: error: interrupted\n")
