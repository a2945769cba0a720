"""The Python examples of the README and of the explanations run as they are shown."""

import pytest
from example_rows import begin, frame
from pages import blocks
from paths import ROOT
from pictures import COLOURS, picture

from edgecls import Classifier
from edgecls.database.store import Store


@pytest.fixture
def folder(tiny_model, tmp_path, monkeypatch):
    """Change to a folder with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    for name in ("birds.tflite", "model.tflite"):
        (tmp_path / name).write_bytes(tiny_model.path.read_bytes())
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "1.jpg").write_bytes(picture(next(iter(COLOURS)), ".jpg"))


@pytest.mark.usefixtures("folder")
def test_the_library_example(tmp_path, capsys):
    with Store(tmp_path / "results.db") as store:
        begin(store)
        store.write(frame("a", label="robin"))
    (example,) = blocks(ROOT / "README.md", "python")
    exec(example, {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[0] in COLOURS
    assert printed[1] == "robin 1"


@pytest.mark.usefixtures("folder")
def test_full_decode():
    (example,) = blocks("explanation/decoding.md", "python")
    assert isinstance(eval(example, {"Classifier": Classifier}), Classifier)
