import os
import socket
from pathlib import Path

import pytest

from edgecls.device.config import read_config
from edgecls.errors import BadConfig, NoInput, WriteFailed


@pytest.fixture
def config(tmp_path):
    """Write a configuration."""

    def config(text):
        path = tmp_path / "edgecls.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return config


def test_the_least(config, tmp_path):
    found = read_config(config('[source]\npath = "inbox"'))
    assert found.source.path == tmp_path / "inbox"
    assert found.database == tmp_path / "results.db"
    assert (found.model, found.runtime, found.threads, found.top_k) == (None, None, None, 5)
    assert found.device == socket.gethostname()
    assert (found.source.type, found.source.recursive, found.source.until_idle) == ("folder", True, None)
    assert {"*.jpg", "*.png", "*.webp"} <= set(found.source.patterns)


def test_everything(config):
    found = read_config(
        config("""
        model = "/srv/cells.tflite"
        database = "/srv/cells.db"
        device = "line 3"
        runtime = "litert"
        threads = 2
        max_pixels = 5000
        top_k = 1
        [source]
        type = "folder"
        path = "/srv/inbox"
        recursive = false
        patterns = ["*.JPG"]
        settle_seconds = 0.5
        poll_seconds = 10
        until_idle = 3
        after = "move"
        done_folder = "/srv/done"
        failed_folder = "bad"
        max_bytes = 1000
        """)
    )
    assert found.model_dump(mode="json") == {
        "source": {
            "type": "folder",
            "path": "/srv/inbox",
            "recursive": False,
            "patterns": ["*.JPG"],
            "settle_seconds": 0.5,
            "poll_seconds": 10.0,
            "until_idle": 3.0,
            "after": "move",
            "done_folder": "/srv/done",
            "failed_folder": "bad",
            "max_bytes": 1000,
        },
        "model": "/srv/cells.tflite",
        "database": "/srv/cells.db",
        "device": "line 3",
        "runtime": "litert",
        "threads": 2,
        "max_pixels": 5000,
        "top_k": 1,
    }


def test_paths_are_relative_to_the_file(config, tmp_path, monkeypatch):
    path = config('model = "m.tflite"\ndatabase = "../r.db"\n[source]\npath = "in"')
    monkeypatch.chdir(tmp_path.parent)
    found = read_config(Path(os.path.relpath(path)))
    assert (found.model, found.database) == (tmp_path / "m.tflite", tmp_path / "../r.db")
    assert found.source.path == tmp_path / "in"


def test_every_error_is_named_at_once(config):
    path = config('modle = "x"\nthreads = 0\nruntime = "onnx"\n[source]\npath = 3\nsettle_seconds = -1\nwatch = true')
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    problems = dict(problem.split(": ", 1) for problem in said.removeprefix(f"{path}: ").split("; "))
    assert set(problems) == {"modle", "threads", "runtime", "source.path", "source.settle_seconds", "source.watch"}
    assert problems["modle"] == problems["source.watch"] == "there is no such setting"
    assert problems["threads"] == "input should be greater than 0"
    assert problems["runtime"] == "input should be 'litert' or 'tflite-runtime'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "source: field required"),
        ("source = 3", "source: input should be a valid dictionary"),
        ("[source]", r"source\.path: field required"),
        ('[source]\ntype = "camera"\npath = "x"', r"source\.type: input should be 'folder'"),
        ("[source\n", "is not TOML: "),
        ("a = 1\na = 2", "is not TOML: "),
        (b"\xff\xfe", "is not TOML: 'utf-8' codec"),
    ],
)
def test_what_is_no_configuration(config, text, said):
    with pytest.raises(BadConfig, match=said):
        read_config(config(text))


def test_no_file(tmp_path):
    with pytest.raises(NoInput, match=r"no configuration at .*: write one, or name it with --config FILE"):
        read_config(tmp_path / "missing.toml")
    with pytest.raises(WriteFailed, match="it is a folder: name a file"):
        read_config(tmp_path)
