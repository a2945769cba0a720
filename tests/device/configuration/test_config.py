import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from edgecls.device.configuration.config import read_config
from edgecls.device.configuration.problems import explain
from edgecls.device.configuration.settings import Settings
from edgecls.errors import BadConfig, InputNotFound, IoFailed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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
    assert (found.source.patterns, found.source.exclude) == (None, ())


def test_everything(config):
    found = read_config(
        config("""
        model = "/srv/cells.tflite"
        labels = "/srv/labels.txt"
        input_range = "0..1"
        database = "/srv/cells.db"
        device = "line 3"
        runtime = "litert"
        threads = 2
        interpreters = 3
        max_pixels = 5000
        full_decode = true
        top_k = 1
        [source]
        type = "folder"
        path = "/srv/inbox"
        recursive = false
        patterns = ["*.JPG"]
        exclude = ["old"]
        incomplete_seconds = 0
        settle_seconds = 0.5
        poll_seconds = 10
        until_idle = 3
        after = "move"
        done_folder = "/srv/done"
        failed_folder = "bad"
        max_bytes = 1000
        [saved_frames]
        keep = "unknown"
        max_days = 30
        [retention]
        rows_days = 365
        """)
    )
    assert found.model_dump(mode="json") == {
        "source": {
            "type": "folder",
            "path": "/srv/inbox",
            "recursive": False,
            "patterns": ["*.JPG"],
            "exclude": ["old"],
            "incomplete_seconds": 0.0,
            "settle_seconds": 0.5,
            "poll_seconds": 10.0,
            "until_idle": 3.0,
            "after": "move",
            "done_folder": "/srv/done",
            "failed_folder": "bad",
            "max_bytes": 1000,
        },
        "model": "/srv/cells.tflite",
        "labels": "/srv/labels.txt",
        "input_range": "0..1",
        "database": "/srv/cells.db",
        "device": "line 3",
        "runtime": "litert",
        "threads": 2,
        "interpreters": 3,
        "max_pixels": 5000,
        "full_decode": True,
        "top_k": 1,
        "vote": {"votes": 1, "within_seconds": None, "cooldown_seconds": 0.0},
        "saved_frames": {
            "keep": "unknown", "quality": 90, "max_bytes": 1_000_000_000, "max_days": 30, "best_per_label": 10
        },
        "retention": {"rows_days": 365, "rows_most": None},
    }  # fmt: skip


def test_paths_are_relative_to_the_file(config, tmp_path, monkeypatch):
    path = config('model = "m.tflite"\ndatabase = "../r.db"\n[source]\npath = "in"')
    monkeypatch.chdir(tmp_path.parent)
    found = read_config(Path(os.path.relpath(path)))
    assert (found.model, found.database) == (tmp_path / "m.tflite", tmp_path / "../r.db")
    assert found.source.path == tmp_path / "in"


def problems(path):
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_all_problems_are_reported_at_once(config):
    path = config(
        """modle = "x"
threads = 0
runtime = "lite-rt"
[source]
path = 3  # "
settle_seconds = -1
"paterns" = [
  "*.jpg",
]
watch = true
"""
    )
    names = (
        "type, path, recursive, patterns, exclude, settle_seconds, incomplete_seconds, poll_seconds, after, done_folder, "
        "failed_folder, max_bytes, until_idle"
    )
    assert problems(path) == [  # in the order of the file
        "unknown setting 'modle' (did you mean 'model'?)",
        "threads must be greater than 0, not 0",
        "runtime must be 'litert' or 'tflite-runtime', not 'lite-rt' (did you mean 'litert'?)",
        "source.path must be a path in quotes, not 3",
        "source.settle_seconds must be greater than 0, not -1",
        "unknown setting 'source.paterns' (did you mean 'patterns'?)",
        f"unknown setting 'source.watch' (known: {names})",
    ]


def test_a_number_is_no_boolean(config):
    path = config('top_k = true\n[source]\npath = "x"\nrecursive = false\nsettle_seconds = false')
    assert problems(path) == [
        "top_k must be a whole number, not true",
        "source.settle_seconds must be a number, not false",
    ]


@pytest.mark.parametrize("value", ["1", "0.0", '"yes"'])
def test_a_number_or_a_word_is_not_a_boolean(config, value):
    assert problems(config(f"full_decode = {value}\n[source]\npath = 'x'\nrecursive = {value}")) == [
        f"full_decode must be true or false, not {value}".replace('"', "'"),
        f"source.recursive must be true or false, not {value}".replace('"', "'"),
    ]


def test_places_within_values(config):
    assert problems(config('source.path = "x"\nsource.patterns = [\n"*.jpg",\n3]')) == [
        "source.patterns.1 must be a string in quotes, not 3"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "source is required: add it"),
        ("\nsource = 3", "source must be a section: write [source] on a line of its own, and its settings below"),
        ("\n[source]", "source.path is required: add it"),
        (
            '[source]\ntype = "floder"\npath = "x"',
            "source.type must be 'folder', 'camera', 'picamera', 'video', not 'floder' (did you mean 'folder'?)",
        ),
        (
            '[source]\npath = "x"\ntype = "web"',
            "source.type must be 'folder', 'camera', 'picamera', 'video', not 'web'",
        ),
        ("[source\n", "invalid TOML at line 1: expected ']' at the end of a table declaration"),
        ("a = 1\na = 2", "invalid TOML at line 2: cannot overwrite a value"),
        ('[source]\npath = "x"\n[source]\ntype = "camera"', "invalid TOML at line 3: cannot declare ('source',) twice"),
        ("a = 1\nb = ", "invalid TOML at line 2: b has no value: write one, or comment out the line"),
        ("a = 1\nrows-most.b =\t# 3\r\nc = 1", "invalid TOML at line 2: rows-most.b has no value: "),
        ("a = 1\nb = 1 2", "invalid TOML at line 2: expected newline"),
        ('a = 1\nb = """', "invalid TOML at line 2: "),
        (b"a = 1\n\xff\xfe", "invalid text at line 2: save the file as UTF-8"),
        ("a = " + "[" * 5000, "invalid TOML at line 1: "),
    ],
)
def test_what_is_no_configuration(config, text, message):
    (problem,) = problems(config(text))
    assert problem.startswith(message)
    assert "\n" not in problem


def test_of_a_folder_every_file_has_a_row(config):
    path = config('[source]\npath = "x"\n[vote]\nvotes = 3')
    message = "vote must not be set for a folder, in which each file has its own row: remove [vote]"
    assert problems(path) == [message]
    with pytest.raises(BadConfig, match="each file has its own row"):
        read_config(config('[source]\npath = "x"\n[vote]\ncooldown_seconds = 3'))
    assert read_config(config('[source]\ntype = "video"\npath = "x"\n[vote]\nvotes = 3')).vote.votes == 3


@pytest.mark.parametrize("name", ["done_folder", "failed_folder"])
def test_a_folder_that_contains_the_inbox(config, name):
    path = config(f'[source]\npath = "x"\n\n{name} = "."')
    assert problems(path) == [f"source.{name} must not be the watched folder or contain it: set another folder"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", "must be greater than or equal to 0, not -1"),
        ("1.5", "must be a whole number, not 1.5"),
        ("[1]", "must be a whole number"),
        ("{ a = 1 }", "must be a whole number"),
    ],
)
def test_a_value_that_may_be_of_two_types_is_wrong_once(config, value, message):
    assert problems(config(f'[source]\ntype = "camera"\ndevice = {value}')) == [f"source.device {message}"]


def test_a_byte_order_mark_is_none_of_the_text(config):
    assert read_config(config(b'\xef\xbb\xbfsource.path = "x"')).source.path.name == "x"


class Dog(Settings):
    type: Literal["dog"] = "dog"
    barks: bool = True


class Cat(Settings):
    type: Literal["cat"] = "cat"
    lives: int = 9


class Pets(Settings):
    pet: Annotated[Dog | Cat, Field(discriminator="type")]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ('[pet]\ntype = "cat"\nlifes = 1', ["unknown setting 'pet.lifes' (did you mean 'lives'?)"]),
        ('[pet]\ntype = "dog"\nlives = 1', ["unknown setting 'pet.lives' ('lives' belongs in [pet] of type cat)"]),
        ('[pet]\ntype = "catt"', ["pet.type must be 'dog', 'cat', not 'catt' (did you mean 'cat'?)"]),
        (
            '[pet]\ntype = "cat"\nlives = "x"\nbarks = 1',
            [
                "pet.lives must be a whole number, not 'x'",
                "unknown setting 'pet.barks' ('barks' belongs in [pet] of type dog)",
            ],
        ),
    ],
)
def test_a_section_of_several_kinds(text, messages):
    document = tomllib.loads(text)
    with pytest.raises(ValidationError) as caught:
        Pets.model_validate(document)
    assert explain(caught.value, Pets, document, Path("f")) == [f"f: {message}" for message in messages]


def test_no_file(tmp_path):
    with pytest.raises(InputNotFound, match=r"no configuration file at .*: create it, or set --config to another file"):
        read_config(tmp_path / "missing.toml")
    with pytest.raises(IoFailed, match="it is a folder: name a file"):
        read_config(tmp_path)
