import json

from tiny_model import LABELS, build, write

from edgecls.model.bundled import default_model


def test_json(edgecls, tiny_model):
    found = json.loads(edgecls("inspect", tiny_model.path, "--format", "json").stdout)
    assert found["sha256"] == tiny_model.sha256
    assert found["bytes"] == tiny_model.path.stat().st_size
    assert found["labels"] == list(LABELS)
    spec = {"width": 16, "height": 16, "fit": "crop", "crop": 0.875, "channels": 3, "white8": 255, "white16": None}
    assert found["preprocessing"] == spec
    assert found["thresholds"] == {"green": 0.9}
    assert found["golden"] == {"examples": 4, "fast kernels": "within tolerance", "reference kernels": "exact"}


def test_the_table(edgecls, tmp_path):
    write(tmp_path / "m.tflite", labels=[f"label {n}" for n in range(3)], metrics={"accuracy": 0.82})
    lines = {" ".join(line.split()) for line in edgecls("inspect", "m.tflite").stdout.splitlines()}
    assert {"name tiny", "quantization int8", "labels label 0, label 1, label 2", "metrics accuracy 0.82"} <= lines


def test_a_model_of_another_tool(edgecls, tmp_path):
    (tmp_path / "foreign.tflite").write_bytes(build())
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    found = json.loads(edgecls("inspect", "foreign.tflite", "--labels", "labels.txt", "--format", "json").stdout)
    assert (found["name"], found["labels"], found["golden"]["examples"]) == ("foreign", ["a", "b", "c"], 0)


def test_the_model_that_comes_along_is_there():
    assert default_model().is_file()
