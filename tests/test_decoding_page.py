"""docs/decoding.md says what is done."""

import re

from paths import ROOT

from edgecls.device.configuration.config import Config
from edgecls.images.framing import COVER, reduction
from edgecls.inference.classifier import Classifier
from edgecls.model.bundled import default_model
from edgecls.model.model_file import read_model

PAGE = (ROOT / "docs" / "decoding.md").read_text("utf-8")


def test_pictures_are_reduced_as_far_as_the_page_says():
    spec = read_model(default_model()).info.preprocessing
    rows = re.findall(r"^\| (\d+) x (\d+) \| 1/(\d) \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 5
    for width, height, scale in rows:
        assert reduction((int(width), int(height)), spec) == int(scale), (width, height)
    assert COVER == 2
    assert "two pixels or more for one of the model's" in PAGE


def test_it_is_turned_off_as_the_page_says(tiny_model, monkeypatch, tmp_path):
    assert Config.model_fields["full_decode"].default is False
    assert "`full_decode = true`" in PAGE
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    (tmp_path / "model.tflite").write_bytes(tiny_model.path.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert isinstance(eval(example, {"Classifier": Classifier}), Classifier)


def test_its_tools_are_there():
    for tool in re.findall(r"tools/\w+\.py", PAGE):
        assert (ROOT / tool).is_file()
