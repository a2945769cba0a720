import dataclasses
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import LABELS, SPEC, build, info, write

from edgecls.errors import BadModel, InputNotFound, IoFailed
from edgecls.model.model_file import FORMAT, INFO_FILE, LABELS_FILE, ModelInfo, read_model, split_labels


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tflite"


def test_what_is_written_is_read(tiny_model, golden_examples):
    found = read_model(str(tiny_model.path))
    assert found == tiny_model
    assert (found.labels, found.info, found.golden) == (LABELS, info(), tuple(golden_examples))
    assert found.sha256 == hashlib.sha256(tiny_model.path.read_bytes()).hexdigest()
    assert (found.name, found.size) == ("tiny", tiny_model.path.stat().st_size)


def test_the_same_inputs_give_the_same_bytes(path, tiny_model, golden_examples):
    assert write(path, examples=golden_examples).sha256 == tiny_model.sha256
    assert write(path, examples=golden_examples, name="other").sha256 != tiny_model.sha256


def test_the_files_at_the_end_are_a_stored_zip(tiny_model, golden_examples):
    with zipfile.ZipFile(tiny_model.path) as archive:
        images = [f"golden/{n}.jpg" for n in range(len(golden_examples))]
        assert archive.namelist() == [LABELS_FILE, INFO_FILE, *images]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None
        assert archive.read(LABELS_FILE).decode().splitlines() == list(LABELS)
        assert json.loads(archive.read(INFO_FILE))["preprocessing"] == dataclasses.asdict(SPEC)
        assert archive.read("golden/0.jpg") == golden_examples[0].image


def test_any_tflite_interpreter_runs_it(tiny_model):
    interpreter = Interpreter(str(tiny_model.path))
    interpreter.allocate_tensors()
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, 16, 16, 3]
    Interpreter(model_content=tiny_model.path.read_bytes()).allocate_tensors()


LABEL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
INFO = st.builds(
    ModelInfo,
    name=st.text(st.characters(exclude_categories=["Cs"])),
    preprocessing=st.sampled_from([SPEC, dataclasses.replace(SPEC, channels=1)]),
    quantization=st.sampled_from(["int8", "float32"]),
    backbone=st.text(st.characters(exclude_categories=["Cs"])),
    thresholds=st.dictionaries(LABEL, st.floats(0, 1)),
    metrics=st.dictionaries(LABEL, NUMBER),
    dataset=st.dictionaries(LABEL, NUMBER | LABEL | st.lists(NUMBER)),
    versions=st.dictionaries(LABEL, LABEL),
    golden_tolerance=st.floats(0, 1),
)


@given(labels=st.lists(LABEL, min_size=1, max_size=5), info=INFO)
def test_any_label_and_any_info_survives(tmp_path_factory, labels, info):
    path = tmp_path_factory.getbasetemp() / "any.tflite"
    values = {field.name: getattr(info, field.name) for field in dataclasses.fields(info)}
    if labels[0][0] == "\ufeff" or not all(label.strip() for label in labels):
        with pytest.raises(ValueError, match="a label is empty"):
            write(path, labels=labels, **values)
    else:
        found = write(path, labels=labels, **values)
        assert (found.labels, found.info) == (tuple(labels), info)
        Interpreter(str(path)).allocate_tensors()


@pytest.mark.parametrize("label", ["", " ", "a\nb", "a\r", "\ud800"])
def test_labels_that_no_line_can_hold(path, label):
    with pytest.raises(ValueError, match=r"a label is empty, has a line break|surrogates not allowed"):
        write(path, labels=["red", label, "blue"])
    assert not path.exists()


def test_where_no_model_can_be_written(tmp_path):
    with pytest.raises(InputNotFound, match="does not exist"):
        write(tmp_path / "missing" / "model.tflite")
    with pytest.raises(IoFailed, match="it is a folder"):
        write(tmp_path)


def test_labels_can_be_replaced_and_thresholds_stay_with_their_outputs(tiny_model):
    assert read_model(tiny_model.path).info.thresholds == {"green": 0.9}
    replaced = read_model(tiny_model.path, ["r", "g", "b"])
    assert replaced.labels == ("r", "g", "b")
    assert replaced.info.thresholds == {"g": 0.9}
    assert read_model(tiny_model.path, ["green", "red", "blue"]).info.thresholds == {"red": 0.9}


def appended(files, flatbuffer=None):
    buffer = io.BytesIO(flatbuffer or build())
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["labels.txt", "labelmap.txt", "assets/names.txt"])
def test_a_model_of_another_tool(path, name):
    path.write_bytes(appended({name: "\ufeffred\r\ngreen\r\n\r\nblue", "vocab.bin": b"\0"}))
    found = read_model(path)
    assert (found.labels, found.info, found.golden, found.name) == (LABELS, None, (), "model")


def test_the_labels_of_another_tool_are_read_as_it_means_them(path):
    path.write_bytes(appended({"labels.txt": "0 Rob\u200bin\r\n1 Gro\u0308ße\r\n2 Class 3"}))
    assert read_model(path).labels == ("Robin", "Größe", "Class 3")


def test_our_own_labels_are_read_as_they_were_written(path):
    labels = ("0 red", "1 green", "# blue")
    assert write(path, labels=labels, thresholds={}).labels == labels


def test_a_model_of_another_tool_whose_class_is_called_unknown(path):
    path.write_bytes(appended({"labels.txt": "red\nUnknown\nblue"}))
    message = r"model.tflite: the class name 'Unknown' is reserved .* \(pass --labels FILE to replace the labels\)$"
    with pytest.raises(BadModel, match=message):
        read_model(path)
    assert read_model(path, ["a", "b", "c"]).labels == ("a", "b", "c")


def test_a_model_without_labels(path):
    path.write_bytes(build())
    with pytest.raises(BadModel, match="carries no labels: pass --labels FILE"):
        read_model(path)
    assert read_model(path, ["a", "b", "c"]).labels == ("a", "b", "c")
    path.write_bytes(appended({"one.txt": "a", "two.txt": "b"}))
    with pytest.raises(BadModel, match="carries no labels"):
        read_model(path)


def test_label_files():
    assert split_labels("\ufeffa\r\nb c\n\n  \nd\u2028e".encode()) == ["a", "b c", "d\u2028e"]
    assert split_labels(b"") == []
    with pytest.raises(BadModel, match="is not UTF-8 text"):
        split_labels("Käse".encode("latin-1"))


def test_what_is_no_model(path):
    with pytest.raises(InputNotFound, match="check the path, or make one with edgecls convert"):
        read_model(path)
    with pytest.raises(IoFailed, match="it is a folder: name a file"):
        read_model(path.parent)
    for data in (b"", b"TFL3", b"PK\3\4" + bytes(100), b"<html>404</html>"):
        path.write_bytes(data)
        with pytest.raises(BadModel, match=r"is not a TFLite model: expected a \.tflite file"):
            read_model(path)


@pytest.fixture
def with_info(path, tiny_model):
    """Write the tiny model with another edgecls.json: `change` edits it, or makes bytes of it."""

    def with_info(change):
        with zipfile.ZipFile(tiny_model.path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
            begin = min(entry.header_offset for entry in archive.infolist())
        document = json.loads(files[INFO_FILE])
        changed = change(document)
        files[INFO_FILE] = changed if isinstance(changed, bytes) else json.dumps(document)
        path.write_bytes(appended(files, tiny_model.path.read_bytes()[:begin]))
        return path

    return with_info


def test_a_newer_format_says_so(with_info):
    with pytest.raises(BadModel, match="was made by a newer edgecls: upgrade edgecls"):
        read_model(with_info(lambda document: document.update(format=FORMAT + 1, unheard_of=1)))


def test_a_model_from_before_there_were_grey_ones_takes_rgb(with_info, tiny_model):
    path = with_info(lambda document: document["preprocessing"].pop("channels"))
    assert read_model(path).info == tiny_model.info


BAD_INFO = {
    "no JSON": lambda _: b"{",
    "not UTF-8": lambda _: b"\xff\xfe{}",
    "a list": lambda _: b"[]",
    "empty": lambda document: document.clear(),
    "a field too many": lambda document: document.update(unheard_of=1),
    "no digest of the network": lambda document: document.pop("flatbuffer_sha256"),
    "a field too few": lambda document: document.pop("backbone"),
    "format": lambda document: document.update(format="1"),
    "preprocessing": lambda document: document["preprocessing"].update(crop=0),
    "preprocessing with channels that no image has": lambda document: document["preprocessing"].update(channels=2),
    "preprocessing of another kind": lambda document: document.update(preprocessing=3),
    "golden example gone": lambda document: document["golden"][0].update(image="golden/9.jpg"),
    "golden outputs": lambda document: document["golden"][0].update(outputs=["x", None, 0]),
    "golden of another kind": lambda document: document.update(golden=7),
}


@pytest.mark.parametrize("change", BAD_INFO.values(), ids=BAD_INFO)
def test_damaged_info(with_info, change):
    with pytest.raises(BadModel, match=r"is damaged: its edgecls\.json cannot be read .*copy it again"):
        read_model(with_info(change))


def test_a_model_cut_short(path, tiny_model):
    """At every length: read_model refuses it, with or without labels from outside."""
    whole = tiny_model.path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(BadModel, match=r"is not a TFLite model|its end is missing|no labels|is damaged"):
            read_model(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(BadModel, match="its end is missing: copy it again"):
        read_model(path, LABELS)


def damaged(data, position):
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


def test_a_damaged_zip(path, tiny_model):
    """A flipped byte is noticed, or does not matter (the date of an entry): read_model has no other way out."""
    whole = tiny_model.path.read_bytes()
    begin = whole.index(b"PK\3\4")
    refused = 0
    for position in range(begin, len(whole), 3):
        path.write_bytes(damaged(whole, position))
        try:
            found = read_model(path)
        except BadModel:
            refused += 1
        else:
            assert (found.labels, found.info, found.golden) == (tiny_model.labels, tiny_model.info, tiny_model.golden)
    assert refused > 0.9 * (len(whole) - begin) / 3


def test_a_damaged_network_never_reaches_the_interpreter(path, tiny_model):
    """The interpreter's own check lets some such models pass, and then dies of them."""
    whole = tiny_model.path.read_bytes()
    for position in range(8, whole.index(b"PK\3\4"), 29):
        path.write_bytes(damaged(whole, position))
        with pytest.raises(BadModel, match="the network is not the one that was written: copy it again"):
            read_model(path)


@pytest.mark.parametrize("length", [8, 100, 700, 1200])
def test_a_foreign_model_cut_short_does_not_crash_the_interpreter(path, length):
    script = """
import sys
from edgecls.inference.classifier import Classifier
from edgecls.errors import BadModel
try:
    Classifier(sys.argv[1], labels=["a", "b", "c"])
except BadModel as error:
    print(error)
"""
    path.write_bytes(build()[:length])
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert re.match(re.escape(str(path)) + r" cannot be loaded by (litert|tflite-runtime) \(", done.stdout)
    assert done.stdout.endswith("): convert it again\n")


def test_without_permission(tiny_model):
    script = """
import os, sys
from edgecls.errors import IoFailed
from edgecls.model.model_file import read_model
if os.getuid() == 0:
    os.setuid(65534)
try:
    read_model(sys.argv[1])
except IoFailed as error:
    print(error)
"""
    secret = Path(os.environ["TMPDIR"]) / "secret.tflite"
    secret.write_bytes(tiny_model.path.read_bytes())
    secret.chmod(0)
    done = subprocess.run([sys.executable, "-c", script, secret], capture_output=True, text=True, check=True)
    secret.unlink()
    assert "permission denied: user " in done.stdout
    assert "check owner and mode, or run as another user" in done.stdout
