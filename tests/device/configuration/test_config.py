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
    """Line -> what is said about it."""
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    split = [problem.removeprefix(f"{path}:").split(": ", 1) for problem in caught.value.problems]
    assert str(caught.value) == "; ".join(caught.value.problems)
    return [(int(line), said) for line, said in split]


def test_every_error_is_named_at_once_with_its_line(config):
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
    assert problems(path) == [
        (1, "modle: there is no such setting: did you mean 'model'?"),
        (2, "threads: must be greater than 0, and is 0: change it"),
        (3, "runtime: 'lite-rt' is none of 'litert' or 'tflite-runtime': did you mean 'litert'?"),
        (5, "source.path: must be a path in quotes, and is 3: change it"),
        (6, "source.settle_seconds: must be greater than 0, and is -1: change it"),
        (7, "source.paterns: there is no such setting: did you mean 'patterns'?"),
        (10, f"source.watch: there is no such setting: here are {names}"),
    ]


def test_places_within_values(config):
    assert problems(config('source.path = "x"\nsource.patterns = [\n"*.jpg",\n3]')) == [
        (4, "source.patterns.1: must be a text in quotes, and is 3: change it")
    ]
    assert problems(config('top_k = 1\nsource = { path = "x",\trecursive = "maybe" }'))[0][0] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", (1, "source: is missing: add it")),
        ("\nsource = 3", (2, "source: is a section and not a value: write [SECTION] on a line, and its settings below")),
        ("\n[source]", (2, "source.path: is missing: add it")),
        ('[source]\ntype = "floder"\npath = "x"', (2, "source.type: no type is called 'floder': did you mean 'folder'?")),
        ('[source]\npath = "x"\ntype = "web"', (3, "source.type: no type is called 'web': choose from 'folder', 'camera', ")),
        ("[source\n", (1, "is not TOML: expected ']' at the end of a table declaration in column 8: mend this line")),
        ("a = 1\na = 2", (2, "'a = 2' is given twice: remove one, or put a # in front of its lines")),
        ('[source]\npath = "x"\n[source]\ntype = "camera"', (3, "'[source]' is given twice: remove one, or put")),
        ("a = 1\nb = ", (2, "b: has no value: write one behind the =, or a # in front of the line")),
        ("a = 1\nrows-most.b =\t# 3\r\nc = 1", (2, "rows-most.b: has no value: ")),
        ("a = 1\nb = 1 2", (2, "is not TOML: expected newline")),
        ('a = 1\nb = """', (2, "is not TOML: ")),
        (b"a = 1\n\xff\xfe", (2, "is not UTF-8 text: save the file as UTF-8")),
        ("a = " + "[" * 5000, (1, "is not TOML: ")),
    ],
)  # fmt: skip
def test_what_is_no_configuration(config, text, said):
    (found,) = problems(config(text))
    assert found[0] == said[0]
    assert found[1].startswith(said[1])
    assert "\n" not in found[1]


def test_of_a_folder_every_file_has_a_row(config):
    path = config('[source]\npath = "x"\n[vote]\nvotes = 3')
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert caught.value.problems == (
        f"{path}:3: vote: is for cameras and videos, and of a folder every file has its row: remove [vote]",
    )
    with pytest.raises(BadConfig, match="every file has its row"):
        read_config(config('[source]\npath = "x"\n[vote]\ncooldown_seconds = 3'))
    assert read_config(config('[source]\ntype = "video"\npath = "x"\n[vote]\nvotes = 3')).vote.votes == 3


@pytest.mark.parametrize("name", ["done_folder", "failed_folder"])
def test_a_folder_that_may_not_be_is_told_with_its_line(config, name):
    path = config(f'[source]\npath = "x"\n\n{name} = "."')
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert caught.value.problems == (
        f"{path}:4: source.{name}: may not be the watched folder or hold it: name another one",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-1", "must be greater than or equal to 0, and is -1: change it"),
        ("1.5", "must be a whole number, and is 1.5: change it"),
        ("[1]", "must be a whole number: change it"),
        ("{ a = 1 }", "must be a whole number: change it"),
    ],
)
def test_a_value_that_may_be_of_two_types_is_wrong_once(config, value, said):
    path = config(f'[source]\ntype = "camera"\ndevice = {value}')
    with pytest.raises(BadConfig) as caught:
        read_config(path)
    assert caught.value.problems == (f"{path}:3: source.device: {said}",)


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
    ("text", "said"),
    [
        ('[pet]\ntype = "cat"\nlifes = 1', ["f:3: pet.lifes: there is no such setting: did you mean 'lives'?"]),
        ('[pet]\ntype = "dog"\nlives = 1', ["f:3: pet.lives: there is no such setting: 'lives' belongs in [pet] of type cat"]),
        ('\n[pet]\ntype = "catt"', ["f:3: pet.type: no type is called 'catt': did you mean 'cat'?"]),
        ('[pet]\ntype = "cat"\nlives = "x"\nbarks = 1', ["f:3: pet.lives: ", "f:4: pet.barks: there is no such setting"]),
    ],
)  # fmt: skip
def test_a_section_of_several_kinds(text, said):
    document = tomllib.loads(text)
    with pytest.raises(ValidationError) as caught:
        Pets.model_validate(document)
    found = explain(caught.value, Pets, document, text, Path("f"))
    assert [line[: len(start)] for line, start in zip(found, said, strict=True)] == said


def test_no_file(tmp_path):
    with pytest.raises(InputNotFound, match=r"no configuration at .*: write one, or name it with --config FILE"):
        read_config(tmp_path / "missing.toml")
    with pytest.raises(IoFailed, match="it is a folder: name a file"):
        read_config(tmp_path)
