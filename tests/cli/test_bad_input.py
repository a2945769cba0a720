"""Whatever is wrong, it is one line on stderr, nothing on stdout, and the exit code of its kind."""

import re
import shutil
import subprocess
from importlib.util import find_spec

import pytest
from pictures import picture
from tiny_model import build, write

USAGE, DATA, INPUT, EXTRA, IO, CONFIG = 2, 65, 66, 69, 74, 78

TINY = "-m tiny.tflite"
CASES = [
    ("", USAGE, None),
    ("bogus", USAGE, "No such command 'bogus'"),
    ("--bogus", USAGE, "No such option: --bogus"),
    ("classify", USAGE, "Missing argument 'PATH...'"),
    ("classify good.png --format xml", USAGE, "'xml' is not one of 'table', 'json', 'jsonl', 'csv'"),
    ("classify good.png --topk 3", USAGE, "No such option: --topk (see edgecls classify --help)"),
    ("classify missing.png", INPUT, "no such file or folder: missing.png"),
    ("classify good.png rtsp://me:pw@gate/1", USAGE, "an address is not an image file: to use a camera, set type"),
    ("classify empty", INPUT, "no images in empty: name image files, or folders that contain images"),
    ("classify good.png -m missing.tflite", INPUT, "no model at missing.tflite: check the path, or make one"),
    ("classify good.png -m good.png", DATA, "good.png is not a TFLite model: expected a .tflite file"),
    ("classify good.png -m empty", IO, "cannot read the model empty: it is a folder: name a file"),
    ("classify good.png -m cut.tflite", DATA, "cut.tflite is damaged: its end is missing: copy it again"),
    ("classify good.png -m flipped.tflite", DATA, "the network is not the one that was written: copy it again"),
    ("classify good.png -m plain.tflite", DATA, "plain.tflite carries no labels: pass --labels FILE"),
    (
        "classify good.png -m liar.tflite",
        DATA,
        "does not reproduce its recorded outputs: golden example 0 is off by 0.996",
    ),
    ("classify good.png -m plain.tflite --labels two.txt", DATA, "has 3 outputs and 2 labels: pass --labels FILE"),
    ("classify good.png -m plain.tflite --labels none.txt", DATA, "has 3 outputs and 0 labels: pass --labels FILE"),
    (f"classify good.png {TINY} --labels none.txt", DATA, "has 3 outputs and 0 labels: pass --labels FILE with one"),
    ("classify good.png -m plain.tflite --labels missing.txt", INPUT, "cannot read missing.txt: no such file"),
    ("classify good.png -m plain.tflite --labels latin.txt", DATA, "is not UTF-8 text: save it as UTF-8"),
    ("classify good.png -m broken.tflite --labels three.txt", DATA, "broken.tflite cannot be loaded by litert ("),
    ("classify good.png -m rgba.tflite --labels three.txt", DATA, "takes uint8 (1, 16, 16, 4), and edgecls feeds"),
    (f"classify good.png {TINY} --db empty", IO, "cannot write empty: it is a folder"),
    (
        f"classify good.png {TINY} --db missing/r.db",
        INPUT,
        "cannot create missing/r.db: the folder missing does not exist",
    ),
    (f"classify good.png {TINY} --db good.png", DATA, "good.png is not a SQLite database"),
    (f"classify good.png {TINY} --db full/r.db", IO, "the disk is full"),
    ("inspect", USAGE, "Missing argument 'MODEL'"),
    ("inspect missing.tflite", INPUT, "no model at missing.tflite"),
    ("inspect good.png", DATA, "is not a TFLite model"),
    ("inspect liar.tflite", DATA, "does not reproduce its recorded outputs: golden example 0 is off by 0.996"),
    (
        "run --config missing.toml",
        CONFIG,
        "no configuration file at missing.toml: create it, or set --config to another file",
    ),
    ("run --config good.png", CONFIG, "good.png: invalid text at line 1: save the file as UTF-8"),
    ("run --config empty", CONFIG, "cannot read empty: it is a folder: name a file"),
    ("run --config good.png/x.toml", CONFIG, "cannot read good.png/x.toml: a part of the path is not a folder"),
    ("run --config wrong.toml", CONFIG, "wrong.toml: source.path is required: add it"),
    ("run --config nothing.toml", INPUT, "no folder at "),
    ("run --config liar.toml", DATA, "does not reproduce its recorded outputs"),
    ("run --config folder.toml", IO, "it is a folder, a device or a broken link: name a file"),
    ("run --config tiny.toml --until-idle 0", USAGE, "Invalid value for '--until-idle'"),
    ("query --db missing.db", INPUT, "missing.db: no such file or folder"),
    ("query --db good.png", DATA, "good.png is not a SQLite database"),
    ("query --db missing.db --since soonish", USAGE, "invalid time --since soonish"),
    ("query --min-score 95", USAGE, "Invalid value for '--min-score'"),
    ("query --limit some", USAGE, "'some' is not a "),
    ("restore missing.db", INPUT, "missing.db: no such file or folder: check the path; `edgecls run` and"),
    ("service instal", USAGE, "(see edgecls service --help)"),
    ("stats --db empty", DATA, "it is a folder or a device: name a file"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_model, golden_examples):
    """A folder with everything that the cases name."""
    folder = tmp_path_factory.mktemp("place")
    models(folder, tiny_model, golden_examples)
    (folder / "empty").mkdir()
    (folder / "good.png").write_bytes(picture("red"))
    (folder / "two.txt").write_text("a\nb\n")
    (folder / "none.txt").write_text("\n")
    (folder / "three.txt").write_text("a\nb\nc\n")
    (folder / "latin.txt").write_bytes("Käse\na\nb\n".encode("latin-1"))
    (folder / "tiny.toml").write_text('model = "tiny.tflite"\n[source]\npath = "empty"')
    (folder / "wrong.toml").write_text("[source]\nrecursive = true")
    (folder / "nothing.toml").write_text('model = "tiny.tflite"\n[source]\npath = "nothing"')
    (folder / "liar.toml").write_text('model = "liar.tflite"\n[source]\npath = "empty"')
    (folder / "folder.toml").write_text('model = "tiny.tflite"\ndatabase = "empty"\n[source]\npath = "empty"')
    return folder


def models(folder, tiny_model, golden_examples):
    whole = tiny_model.path.read_bytes()
    (folder / "tiny.tflite").write_bytes(whole)
    (folder / "cut.tflite").write_bytes(whole[:-200])
    (folder / "flipped.tflite").write_bytes(whole[:1290] + bytes([whole[1290] ^ 0xFF]) + whole[1291:])
    (folder / "plain.tflite").write_bytes(build())
    (folder / "broken.tflite").write_bytes(build()[:700])
    (folder / "rgba.tflite").write_bytes(build(channels=4))
    red, green, *_ = golden_examples
    write(folder / "liar.tflite", examples=[type(red)(red.image, green.outputs)])


@pytest.fixture(scope="module")
def full_disk(place):
    """`full` in `place`: a disk without room."""
    folder = place / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a tmpfs here")
    (folder / "ballast").write_bytes(bytes(16 * 1024))
    yield
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def tmp_path(place):
    """Where the program runs."""
    return place


@pytest.mark.parametrize(("arguments", "code", "said"), CASES, ids=[case[0] for case in CASES])
def test_one_line_and_the_right_code(edgecls, request, arguments, code, said):
    if "full/" in arguments:
        request.getfixturevalue("full_disk")
    done = edgecls(*arguments.split(), code=code)
    if said is None:  # without a command: the help
        assert "classify" in done.stdout + done.stderr
        return
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecls: error: ")
    assert said in line
    assert "Value error" not in line  # the words of pydantic, by which Typer checks values
    assert "Input should" not in line


@pytest.mark.skipif(find_spec("tflite_runtime") is not None, reason="tflite-runtime is installed")
def test_a_runtime_that_is_not_installed(edgecls, place):
    (place / "runtime.toml").write_text('model = "tiny.tflite"\nruntime = "tflite-runtime"\n[source]\npath = "empty"')
    done = edgecls("run", "--config", "runtime.toml", code=EXTRA)
    assert done.stderr == "edgecls: error: tflite-runtime is not installed: pip install tflite-runtime\n"


@pytest.fixture
def owned_by_another(temporary_folder, place):
    """A folder that others may look into, but not write to, with an image that they may not read."""
    folder = temporary_folder / "theirs"
    folder.mkdir(mode=0o755)
    for name in ("good.png", "tiny.tflite"):
        shutil.copy(place / name, folder)
    shutil.copy(place / "good.png", folder / "secret.png")
    (folder / "secret.png").chmod(0)
    folder.chmod(0o555)
    yield folder
    shutil.rmtree(folder)


def test_without_permission(edgecls, owned_by_another, unprivileged):
    image, model, db = (str(owned_by_another / name) for name in ("good.png", "tiny.tflite", "r.db"))
    done = edgecls("classify", image, "-m", model, "--db", db, code=IO, prefix=unprivileged)
    assert re.fullmatch(
        rf"edgecls: error: cannot create {db}: permission denied: user \w+ may not write to {owned_by_another} "
        r"\(owner \w+, mode 0555\): check owner and mode, or run as another user\n",
        done.stderr,
    )
    secret = str(owned_by_another / "secret.png")
    done = edgecls("classify", image, secret, "-m", model, "--format", "jsonl", code=1, prefix=unprivileged)
    assert done.stdout.count("\n") == 2
    assert done.stderr.startswith(f"edgecls: {secret} cannot be read: permission denied")
    for arguments, code, said in (
        (("classify", image, "-m", secret), IO, f"cannot read the model {secret}: permission denied"),
        (("run", "--config", secret), CONFIG, f"cannot read {secret}: permission denied"),
    ):
        assert edgecls(*arguments, code=code, prefix=unprivileged).stderr.startswith(f"edgecls: error: {said}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "good.png", "-m", "tiny.tflite"),
        ("inspect", "tiny.tflite", "--format", "json"),
        ("classify", "--help"),
    ],
)
def test_output_on_a_full_disk(edgecls, arguments):
    done = edgecls(*arguments, code=IO, prefix=("sh", "-c", 'exec "$@" > /dev/full', "sh"))
    assert done.stderr == "edgecls: error: cannot write the output: the disk is full: free some space\n"


def test_a_bug_is_one_line_too_and_a_traceback_on_demand(edgecls, environment):
    script = """
import edgecls.cli.device
def fail(*_):
    raise ZeroDivisionError("two\\nlines")
edgecls.cli.device.default_model = fail
from edgecls.cli.main import main
main()
"""
    done = edgecls("classify", "good.png", code=70, script=script)
    assert done.stderr == (
        "edgecls: error: a bug in edgecls (ZeroDivisionError: two lines): set EDGECLS_DEBUG=1 and report it\n"
    )
    interrupted = script.replace('ZeroDivisionError("two\\nlines")', "KeyboardInterrupt")
    done = edgecls("classify", "good.png", code=130, script=interrupted)
    assert done.stderr == "edgecls: error: interrupted\n"
    environment["EDGECLS_DEBUG"] = "1"
    with pytest.raises(AssertionError, match="Traceback"):
        edgecls("classify", "good.png", code=1, script=script)


def test_nothing_was_left_behind(edgecls, place):
    """A refused database is not half made."""
    edgecls("run", "--config", "liar.toml", code=DATA)
    edgecls("run", "--config", "nothing.toml", code=INPUT)
    assert not list(place.glob("*.db*"))
