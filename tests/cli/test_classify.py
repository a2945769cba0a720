import csv
import io
import json
import os
from contextlib import closing

import numpy as np
import pytest
from pictures import encode, noise, picture, plain
from tiny_model import SIZE, build, write

from edgecls.database.reading import open_results
from edgecls.images.framing import Preprocessing
from edgecls.inference.classifier import Classifier
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.smoke

COLOURS = ("blue", "red", "green")


@pytest.fixture
def images(tmp_path):
    """Three files, named so that their order is not that of their making."""
    for n, colour in enumerate(COLOURS):
        (tmp_path / f"{n}-{colour}.png").write_bytes(picture(colour))
    return [f"{n}-{colour}.png" for n, colour in enumerate(COLOURS)]


def json_lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows(path):
    with closing(open_results(path)) as db:
        return sorted(find_rows(db), key=lambda row: row["id"])


def test_json_lines_in_the_order_given(edgecls, tiny_model, images):
    given = [images[2], images[0], images[1]]
    done = edgecls("classify", *given, "-m", tiny_model.path, "--format", "jsonl")
    found = json_lines(done)
    assert [row["path"] for row in found] == given
    assert [row["label"] for row in found] == ["green", "blue", "red"]
    assert list(found[0]) == ["path", "label", "score", "top_k", "error"]
    assert found[0]["top_k"][0] == {"label": "green", "score": found[0]["score"]}
    assert done.stderr == ""


def test_the_formats_agree(edgecls, tiny_model, images):
    as_json, as_csv, as_table = (
        edgecls("classify", *images, "-m", tiny_model.path, "--format", kind).stdout
        for kind in ("json", "csv", "table")
    )
    expected = json.loads(as_json)
    table = list(csv.DictReader(io.StringIO(as_csv, newline="")))
    assert [(row["path"], row["label"], float(row["score"]), json.loads(row["top_k"])) for row in table] == [
        (row["path"], row["label"], row["score"], row["top_k"]) for row in expected
    ]
    lines = [line.split() for line in as_table.splitlines()]
    assert lines[0] == ["path", "label", "score", "error"]
    assert lines[2:] == [[row["path"], row["label"], f"{row['score']:.3f}"] for row in expected]


def test_a_grey_model_answers_by_brightness(edgecls, tmp_path):
    grey = Preprocessing(SIZE, SIZE, channels=1)
    write(tmp_path / "grey.tflite", build(channels=1), preprocessing=grey, thresholds={"red": 0.9})
    (tmp_path / "foreign.tflite").write_bytes(build(channels=1))
    (tmp_path / "labels.txt").write_text("bright\nnever\nnor this\n")
    (tmp_path / "white.png").write_bytes(encode(plain((250, 250, 250))))
    (tmp_path / "black.png").write_bytes(encode(plain((0, 0, 0))))
    ours = json_lines(edgecls("classify", "white.png", "black.png", "-m", "grey.tflite", "--format", "jsonl"))
    assert [row["label"] for row in ours] == ["red", "unknown"]
    foreign = ("-m", "foreign.tflite", "--labels", "labels.txt", "--format", "jsonl")
    assert json_lines(edgecls("classify", "white.png", *foreign))[0]["label"] == "bright"
    assert "preprocessing channels    1" in edgecls("inspect", "grey.tflite").stdout


def test_what_a_folder_holds_beside_images_is_counted_in_one_line(edgecls, tiny_model, images, tmp_path):
    for name in ("@eaDir/0.png", "#recycle/1.png", ".trash/2.png", "thumbs/3.png", "IMG_4", "x.png?w=640"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture("red"))
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    done = edgecls("classify", ".", "-m", tiny_model.path, "--exclude", "Thumbs", "--format", "jsonl")
    assert [row["path"] for row in json_lines(done)] == [*sorted(images), "IMG_4", "x.png?w=640"]
    assert done.stderr == (
        "edgecls: 5 images; not taken: 1 dangling link (gone.jpg), 3 ignored folders (first: #recycle), "
        "1 excluded folder (thumbs)\n"
    )


def test_a_file_that_is_named_is_always_tried(edgecls, tiny_model, tmp_path):
    (tmp_path / ".hidden~").write_bytes(picture("red"))
    (row,) = json_lines(edgecls("classify", ".hidden~", "-m", tiny_model.path, "--format", "jsonl"))
    assert row["label"] == "red"


def test_a_folder_stands_for_the_images_in_it(edgecls, tiny_model, images, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.PNG").write_bytes(picture("red"))
    (tmp_path / "notes.txt").write_text("not an image")
    found = json_lines(edgecls("classify", ".", "-m", tiny_model.path, "--format", "jsonl"))
    assert [row["path"] for row in found] == [*images, "sub/x.PNG"]


def test_the_database_says_what_is_printed_and_what_the_daemon_would_write(edgecls, tiny_model, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.png").write_bytes(encode(noise(40, 30)))
    (inbox / "b.jpg").write_bytes(picture("red", ".jpg"))
    (inbox / "c.png").write_bytes(encode(plain((100, 140, 120))))
    (inbox / "d.png").write_bytes(b"torn")
    for n, path in enumerate(sorted(inbox.iterdir())):
        os.utime(path, (n, n))
    config = tmp_path / "edgecls.toml"
    config.write_text(f'model = "{tiny_model.path}"\ndatabase = "run.db"\n[source]\npath = "inbox"\nuntil_idle = 0.1')
    printed = json_lines(
        edgecls("classify", "inbox", "-m", tiny_model.path, "--db", "classify.db", "--format", "jsonl", code=1)
    )
    edgecls("run", "--config", "edgecls.toml")
    logged, by_daemon = rows(tmp_path / "classify.db"), rows(tmp_path / "run.db")
    for one, other, said in zip(logged, by_daemon, printed, strict=True):
        for column in ("path", "label", "score", "top_k", "error", "captured_at", "model"):
            assert one[column] == other[column]
        assert (said["label"], said["error"]) == (one["label"], one["error"])
        assert said["score"] == pytest.approx(one["score"], abs=1e-6)  # the database keeps 6 decimals
        assert [p["label"] for p in said["top_k"]] == [p["label"] for p in one["top_k"]]
    assert [row["label"] for row in logged] == ["unknown", "red", "unknown", None]


def test_a_second_time_adds_no_row(edgecls, tiny_model, images, tmp_path):
    for _ in range(2):
        edgecls("classify", *images, "-m", tiny_model.path, "--db", "results.db")
    assert len(rows(tmp_path / "results.db")) == 3
    (tmp_path / images[0]).write_bytes(picture("green"))
    edgecls("classify", *images, "-m", tiny_model.path, "--db", "results.db")
    assert [row["label"] for row in rows(tmp_path / "results.db")] == [*COLOURS, "green"]


def test_rows_that_were_there_already_are_counted(edgecls, tiny_model, images, tmp_path):
    """Another model's answers are printed, and the database keeps those of the first: that is said."""
    other = write(tmp_path / "other.tflite", labels=["rouge", "vert", "bleu"], thresholds={}).path
    assert edgecls("classify", *images[:2], "-m", tiny_model.path, "--db", "results.db").stderr == ""
    done = edgecls("classify", *images, "-m", other, "--db", "results.db")
    assert "rouge" in done.stdout
    assert done.stderr == (
        "edgecls: 2 of 3 images already had a row, which was kept: use another --db to store the new results\n"
    )
    assert [row["label"] for row in rows(tmp_path / "results.db")] == ["blue", "red", "vert"]


def test_a_table_at_a_terminal_comes_after_a_bar(edgecls_at_a_terminal, tiny_model, images):
    shown = edgecls_at_a_terminal("classify", *images, "-m", tiny_model.path)
    assert "classifying" in shown
    assert "3/3" in shown
    assert shown.rindex("3/3") < shown.index("0-blue.png")
    assert "classifying" not in edgecls_at_a_terminal("classify", *images, "-m", tiny_model.path, "--format", "jsonl")


def test_bad_images_among_good_ones(edgecls, tiny_model, images, tmp_path):
    (tmp_path / "torn.png").write_bytes(picture("red")[:70])
    (tmp_path / "two\nlines.png").write_bytes(b"text")
    (tmp_path / "\x1b[31mempty.png").touch()
    bad = ["torn.png", "two\nlines.png", "\x1b[31mempty.png", "missing.png"]
    given = [images[0], *bad, images[1]]
    done = edgecls("classify", *given, "-m", tiny_model.path, "--format", "jsonl", code=1)
    assert [row["label"] for row in json_lines(done)] == ["blue", None, None, None, None, "red"]
    assert done.stderr.splitlines() == [
        f"edgecls: {tmp_path}/torn.png is cut off or damaged: the end of the PNG is missing",
        f"edgecls: {tmp_path}/two\\nlines.png is a text file, not an image: remove it",
        f"edgecls: {tmp_path}/\\x1b[31mempty.png is empty",
        f"edgecls: {tmp_path}/missing.png cannot be read: no such file or folder",
    ]


def test_a_name_that_is_not_utf_8(edgecls, tiny_model, tmp_path):
    name = b"latin-\xe9.png"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(picture("red"))
    for output_format in ("jsonl", "table"):
        done = edgecls("classify", os.fsdecode(name), "-m", tiny_model.path, "--format", output_format, "--db", "r.db")
        assert "red" in done.stdout
    assert len(rows(tmp_path / "r.db")) == 1


def test_labels_from_a_file(edgecls, tiny_model, images, tmp_path):
    (tmp_path / "labels.txt").write_text("0 rouge\n1 vert\n2 bleu\n", "utf-16")
    done = edgecls("classify", *images, "-m", tiny_model.path, "--labels", "labels.txt", "--format", "jsonl")
    assert [row["label"] for row in json_lines(done)] == ["bleu", "rouge", "vert"]


def test_the_library_says_the_same(edgecls, tiny_model, images, tmp_path):
    (found,) = json_lines(edgecls("classify", images[1], "-m", tiny_model.path, "--format", "jsonl"))
    classification = Classifier(tiny_model.path).classify(tmp_path / images[1])
    assert (found["label"], found["score"]) == (classification.label, classification.score)


def test_a_reader_that_has_enough(edgecls, tiny_model, images):
    """`edgecls classify ... | head -0`: no complaint."""
    script = """
import os, sys
reader, writer = os.pipe()
os.dup2(writer, 1)
os.close(reader)
from edgecls.cli.main import main
main()
"""
    done = edgecls("classify", *images, "-m", tiny_model.path, "--format", "jsonl", script=script)
    assert done.stderr == ""


def test_large_jpegs_can_be_decoded_in_full(edgecls, tiny_model, tmp_path):
    """The same answers as `Classifier` gives; of noise, whose detail a reduced decode leaves out, others."""
    data = encode(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8), ".jpg")
    (tmp_path / "noise.jpg").write_bytes(data)
    for options, full in (((), False), (("--full-decode",), True)):
        (found,) = json_lines(edgecls("classify", "noise.jpg", "-m", tiny_model.path, "--format", "jsonl", *options))
        assert found["score"] == Classifier(tiny_model, full_decode=full).classify(data).score
