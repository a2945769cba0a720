import json
from importlib.util import find_spec

import pytest
from pictures import encode, noise, plain

from edgecls.training.backbones import BACKBONES

LITE = ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"]


@pytest.fixture
def environment(environment, tmp_path):
    """No weights but those that the test puts there."""
    return {**environment, "KERAS_HOME": str(tmp_path / "keras")}


def listed(done):
    return [row["name"] for row in json.loads(done.stdout)]


def test_all_of_them(edgecls):
    rows = json.loads(edgecls("backbones", "--format", "json").stdout)
    assert [row["name"] for row in rows] == list(BACKBONES)
    assert rows[0] == {
        "name": "efficientnet-lite0",
        "input_size": 224,
        "channels": 3,
        "parameters": 3_413_024,
        "mmacs": 383.9,
        "int8_mb": 3.97,
        "top1": 75.1,
        "top1_source": "Google EfficientNet-Lite README",
        "licence": "Apache-2.0",
        "pretrained": True,
        "offline": True,
    }
    assert [row["name"] for row in rows if row["offline"]] == [*LITE, "cnn"]
    assert [row["name"] for row in rows if not row["pretrained"]] == ["cnn"]


def test_the_table_for_people(edgecls):
    done = edgecls("backbones")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:4] == ["name", "input", "parameters", "mmacs"]
    assert [line[0] for line in lines[2:]] == list(BACKBONES)
    assert lines[2][1:8] == ["224", "x", "224", "x", "3", "3,413,024", "383.9"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("--max-mb 0.7", {"mobilenet-v1-0.25", "mobilenet-v2-0.35", "cnn"}),
        ("--max-mmacs 42", {"mobilenet-v1-0.25", "mobilenet-v3-small-0.75", "cnn"}),
        ("--min-top1 75", {*LITE, "mobilenet-v2-1.4", "mobilenet-v3-large"}),
        ("--min-top1 65 --max-mb 1 --max-mmacs 100", {"mobilenet-v2-0.5", "mobilenet-v3-small-0.75"}),
        ("--input-size 28", {"cnn"}),
        ("--input-size 128 --max-mmacs 15", {"mobilenet-v1-0.25", "mobilenet-v3-small-0.75"}),
        ("--input-size 128 --min-top1 65", {"mobilenet-v1", "mobilenet-v2"}),
        ("--min-top1 0", set(BACKBONES) - {"cnn"}),
    ],
)
def test_limits(edgecls, options, names):
    assert set(listed(edgecls("backbones", *options.split(), "--format", "json"))) == names


def test_another_size_costs_what_it_costs(edgecls):
    half, whole = (
        {row["name"]: row for row in json.loads(edgecls("backbones", "--input-size", size, "--format", "json").stdout)}
        for size in ("192", "384")
    )
    assert "cnn" not in half
    assert whole["mobilenet-v2"]["mmacs"] == pytest.approx(4 * half["mobilenet-v2"]["mmacs"], abs=0.3)
    assert whole["mobilenet-v3-small"]["mmacs"] < 4 * half["mobilenet-v3-small"]["mmacs"]  # squeezing costs the same
    assert whole["mobilenet-v2"]["parameters"] == half["mobilenet-v2"]["parameters"]
    assert (half["mobilenet-v2"]["top1"], whole["mobilenet-v2"]["top1"]) == (70.7, None)
    assert whole["mobilenet-v2"]["top1_source"] is None


@pytest.mark.parametrize(("output_format", "printed"), [("table", ""), ("json", "[]\n")])
def test_nothing_that_small(edgecls, output_format, printed):
    done = edgecls("backbones", "--max-mb", "0.001", "--format", output_format)
    assert done.stdout == printed
    assert done.stderr == "edgecls: no backbone is within these limits: relax them\n"


def test_a_size_that_none_takes(edgecls):
    done = edgecls("backbones", "--input-size", "100", code=2)
    assert done.stdout == ""
    assert done.stderr == (
        "edgecls: error: no backbone supports images of 100 pixels: use a multiple of 32 from 32 to 512 or 240 or 260 or 28\n"
    )


def test_cached_weights_work_offline(edgecls, tmp_path):
    (tmp_path / "keras" / "models").mkdir(parents=True)
    (tmp_path / "keras" / "models" / "mobilenet_2_5_224_tf_no_top.h5").write_bytes(b"")
    rows = json.loads(edgecls("backbones", "--format", "json").stdout)
    assert [row["name"] for row in rows if row["offline"]] == [*LITE, "mobilenet-v1-0.25", "cnn"]


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs the extra `convert`")
def test_measuring_times_each_on_this_machine(edgecls):
    """With weights at random: nothing is downloaded."""
    rows = json.loads(edgecls("backbones", "--measure", "--max-mb", "0.5", "--format", "json").stdout)
    times = {row["name"]: row["ms"] for row in rows}
    assert set(times) == {"mobilenet-v1-0.25", "cnn"}
    assert all(ms > 0 for ms in times.values())
    assert edgecls("backbones", "--measure", "--max-mb", "0.001", "--format", "json").stdout == "[]\n"


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs the extra `convert`")
def test_measuring_on_a_full_disk(edgecls):
    script = """
import sys
from unittest import mock
sys.argv[1:] = ["backbones", "--measure", "--max-mb", "0.5"]
from edgecls.cli.main import main
with mock.patch("pathlib.Path.write_bytes", side_effect=OSError(28, "No space left on device")):
    main()
"""
    assert "(set TMPDIR to another folder): the disk is full" in edgecls(script=script, code=74).stderr


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs the extra `convert`")
def test_a_conversion_without_weights_and_without_a_network(edgecls, environment, tmp_path):
    environment["https_proxy"] = "http://127.0.0.1:9"  # nobody answers
    for colour in ("red", "blue"):
        (tmp_path / "data" / colour).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "data" / colour / f"{number}.png").write_bytes(
                encode(noise(30, 30, number) // 2 + plain(colour, 30, 30) // 2)
            )
    done = edgecls("convert", "data", "-o", "m.tflite", "--backbone", "mobilenet-v3-small", code=69)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecls: error: the weights of mobilenet-v3-small are not on this machine")
    assert "works offline (efficientnet-lite0, efficientnet-lite1, efficientnet-lite2, cnn)" in line
    assert not (tmp_path / "m.tflite").exists()
