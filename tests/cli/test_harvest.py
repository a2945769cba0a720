"""`edgecls harvest`, and what becomes of the reviews it reads back."""

import json
import os
import shutil

import numpy as np
import pytest
import typer
from pictures import COLOURS, encode, noise
from typer.testing import CliRunner

from edgecls.cli.convert import reviewed_images
from edgecls.cli.harvest import harvest
from edgecls.cli.stats import stats
from edgecls.database.store import Store
from edgecls.device.runs import begin_run
from edgecls.errors import InputNotFound, UsageError
from edgecls.inference.classifier import Classifier
from edgecls.results.active_learning.reviews import Reviews

app = typer.Typer()
app.command()(harvest)
app.command()(stats)


@pytest.fixture
def place(tmp_path, tiny_model, monkeypatch):
    """A folder with a database: twelve photographs, red and blue, that the tiny model has classified."""
    (tmp_path / "photos").mkdir()
    classifier = Classifier(tiny_model.path)
    with Store(tmp_path / "results.db") as store:
        begin_run(store, classifier.model, device="pi4", source="files", config={})
        for number in range(12):
            colour = "blue" if number % 3 else "red"
            pixels = (0.9 * np.array(COLOURS[colour]) + 0.1 * noise(64, 64, number)).astype("uint8")
            image = tmp_path / "photos" / f"{number:02}.png"
            image.write_bytes(encode(pixels))
            store.write(classifier.classify(image))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command, *options, code=0):
    """(stdout, stderr); errors come out as they were raised."""
    done = CliRunner().invoke(app, [command, *map(str, options)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def test_the_whole_way(place):
    out, errors = run("harvest", "--out", "todo", "--budget", "8")
    assert out.startswith("todo: 8 images (4 random, ")
    assert errors == "edgecls: 50% at random: the answers cannot be compared with those to validation images\n"
    wrong = next((place / "todo" / "blue").glob("*.png"))
    wrong.rename(place / "todo" / "green" / wrong.name)
    gone = next((place / "todo" / "red").glob("*.png"))
    gone.unlink()
    assert run("harvest", "--import-labels", "todo") == (
        "results.db: 7 reviews, 7 of them new or changed; 0 images are not sorted yet, 1 were removed\n",
        "",
    )
    assert "0 of them new or changed" in run("harvest", "--import-labels", "todo")[0]
    assert run("harvest", "--out", "rest")[0].startswith("rest: 5 images")  # what has been reviewed is left out
    (found,) = json.loads(run("stats", "--format", "json")[0])["reviewed"]
    assert (found["frames"], found["accuracy"]["share"]) == (7, pytest.approx(6 / 7, abs=1e-6))
    assert {each["label"] for each in found["labels"]} >= {"blue", "green"}
    table, _ = run("stats")
    assert "reviews of " in table
    assert "random sample" in table
    assert "0.857 (0.487 to 0.974)" in table


def test_images_that_are_gone_are_named_and_counted(place):
    for number in range(5):
        (place / "photos" / f"{number:02}.png").unlink()
    out, errors = run("harvest", "--out", "todo", "--random-share", "1", code=1)
    assert out == "todo: 7 images (7 random)\n"
    lines = errors.splitlines()
    assert len(lines) == 4
    assert all(line.endswith(".png: it is missing, or its content has changed") for line in lines[:3])
    assert lines[3] == "edgecls: 5 images are missing or changed: name their folder with --images"


def test_images_may_have_been_copied_elsewhere(place):
    (place / "photos").rename(place / "copies")
    assert run("harvest", "--out", "todo", "--images", "copies")[0].startswith("todo: 12 images")
    run("harvest", "--import-labels", "todo")
    found, missing = reviewed_images([place / "results.db"], place / "copies")
    assert {path.name for path, _ in found} == {f"{number:02}.png" for number in range(12)}
    assert not missing
    with pytest.raises(InputNotFound, match=r"none of the 12 reviewed images exists .*: copy them to this machine"):
        reviewed_images([place / "results.db"], None)
    shutil.rmtree(place / "copies")


def test_what_has_taken_the_place_of_an_image_is_not_trained_on(place):
    with Reviews(place / "results.db") as reviews:
        for row, label in ((1, "blue"), (2, "red"), (3, "unknown")):
            reviews.put(row, label)
    (place / "photos" / "01.png").write_bytes(encode(noise(32, 32)))
    found, missing = reviewed_images([place / "results.db"], None)
    assert found == [(place / "photos" / "00.png", "blue")]
    assert missing == [str(place / "photos" / "01.png")]


def test_a_database_without_reviews(place):
    with pytest.raises(UsageError, match=r"results.db has no reviews: create some with"):
        reviewed_images([place / "results.db"], None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name a new folder with --out"),
        (["--out", "a", "--import-labels", "b"], "name a new folder with --out"),
        (["--out", "photos"], "photos exists and is not an empty folder: use a new folder"),
        (["--out", "a", "--since", "2026-01-02", "--until", "2026-01-01"], "is not before"),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_makes_no_sense(options, said):
    with pytest.raises(UsageError, match=said):
        run("harvest", *options)


@pytest.mark.usefixtures("place")
def test_nothing_to_harvest():
    with pytest.raises(InputNotFound, match="has no unreviewed row with an image"):
        run("harvest", "--out", "todo", "--until", "2001-01-01")
    with pytest.raises(InputNotFound):
        run("harvest", "--out", "todo", "--db", "no.db")
    assert not os.path.exists("todo")
