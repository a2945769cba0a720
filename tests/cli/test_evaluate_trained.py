"""`edgecls evaluate` on images that the model may have been trained on."""

import json
import shutil
from importlib.util import find_spec

import pytest
from pictures import COLOURS, encode, noise, plain
from tiny_model import write

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")


def photograph(colour, seed):
    return encode(plain(colour) // 2 + noise(24, 24, seed) // 4)


@pytest.fixture
def data(tmp_path):
    """Thirty images a class."""
    for colour in COLOURS:
        (tmp_path / "data" / colour).mkdir(parents=True)
        for n in range(30):
            (tmp_path / "data" / colour / f"{n:02}.png").write_bytes(photograph(colour, n))
    return tmp_path / "data"


def model_of(data, path, seed=0):
    """The tiny model, as if it were made with `data`; returns its path and that data set."""
    from edgecls.progress import Progress
    from edgecls.training.data.dataset import read_dataset

    made_with = read_dataset(data, None, seed, Progress())
    return write(path, images=made_with.image_list(), dataset={"seed": seed}).path, made_with


@pytest.fixture
def made(data, tmp_path):
    return model_of(data, tmp_path / "m.tflite")


def test_more_images_put_none_that_trained_into_the_test(edgecls, data, made):
    model, before = made
    for n in range(100, 140):
        (data / "red" / f"0 {n}.png").write_bytes(photograph("red", n))
    done = edgecls("evaluate", data, "-m", model, "--split", "test", "--format", "json")
    assert done.stderr == f"edgecls: since {model} was trained, 40 images were added to the data set and 0 removed\n"
    support = {label: figures["support"] for label, figures in json.loads(done.stdout)["per_class"].items()}
    counts = before.counts()["test"]
    assert {label: support[label] for label in ("blue", "green")} == {
        label: counts[label] for label in ("blue", "green")
    }
    assert counts["red"] < support["red"] < counts["red"] + 20


def test_the_data_that_the_model_was_made_with_is_known(edgecls, data, made, tmp_path):
    model, before = made
    moved = shutil.copytree(data, tmp_path / "elsewhere")
    (moved / "red" / "00.png").rename(moved / "red" / "renamed.png")
    done = edgecls("evaluate", moved, "-m", model, "--split", "test", "--format", "json")
    assert done.stderr == ""
    assert json.loads(done.stdout)["n"] == len(before.of("test"))


def test_images_that_trained_are_counted(edgecls, data, made, tmp_path):
    model, before = made
    trained, validated = len(before.of("train")), len(before.of("validation"))
    done = edgecls("evaluate", data, "-m", model)
    assert done.stderr == (
        f"edgecls: {trained} of the 90 images were used in the training of {model}, and {validated} in its validation, so the "
        "figures are too good: use --split test, or other images\n"
    )
    assert edgecls("evaluate", data, "-m", model, "--split", "train").stderr == ""
    rows = [f"{s.path.relative_to(data)},{s.label},test" for s in (*before.of("train")[:3], *before.of("test"))]
    (tmp_path / "s.csv").write_text("\n".join(["file,class,split", *rows]))
    done = edgecls("evaluate", data, "-m", model, "--split", "test", "--split-file", tmp_path / "s.csv")
    first = f"edgecls: 3 of the {len(rows)} images were used in the training of {model}, so the figures are too good: use other"
    assert done.stderr.startswith(first)


def test_images_that_were_saved_again_are_known(edgecls, data, made):
    model, before = made
    for path in data.rglob("*.png"):
        path.write_bytes(path.read_bytes() + b"what another program adds")
    done = edgecls("evaluate", data, "-m", model, "--split", "test", "--format", "json")
    assert done.stderr == ""
    assert json.loads(done.stdout)["n"] == len(before.of("test"))


def test_other_images_are_told(edgecls, data, made):
    model, _ = made
    for n, path in enumerate(sorted(data.rglob("*.png"))):
        path.write_bytes(photograph(path.parent.name, 1000 + n))
    done = edgecls("evaluate", data, "-m", model)
    assert done.stderr == f"edgecls: {model} was trained with other images: none of these 90 is in its list\n"


def test_of_two_models_each_is_looked_at(edgecls, data, made, tmp_path):
    """The splits are those of the first; the second, made with another seed, has trained on some of its test images."""
    model, before = made
    other, with_seed = model_of(data, tmp_path / "other.tflite", seed=7)
    test = {sample.path for sample in before.of("test")}
    trained = sum(sample.path in test for sample in with_seed.of("train"))
    done = edgecls("evaluate", data, "-m", model, "-m", other, "--split", "test")
    assert done.stderr.startswith(f"edgecls: {trained} of the {len(test)} images were used in the training of {other}")


def test_a_single_class_is_found_among_folders_inside_it(edgecls, data, made):
    """One folder is usually one around the classes; called like a label of the model it is a class."""
    model, _ = made
    for colour in ("blue", "green"):
        shutil.rmtree(data / colour)
    for n in range(2):
        (data / "red" / f"day {n}").mkdir()
        for path in sorted((data / "red").glob(f"{n}*.png")):
            path.rename(data / "red" / f"day {n}" / path.name)
    done = edgecls("evaluate", data, "-m", model, "--split", "test", "--format", "json")
    assert json.loads(done.stdout)["labels"] == ["red"]
