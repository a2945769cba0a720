"""What the device can do without: nothing of the workstation may be needed, or imported, to run it."""

import subprocess
import sys

import pytest
from pictures import picture

import edgecls

pytestmark = [pytest.mark.slow, pytest.mark.smoke]

HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "torch")
GUARD = f"""
from importlib.machinery import PathFinder
found = PathFinder.find_spec
def without_heavy_ones(name, path=None, target=None):
    return None if name.partition(".")[0] in {HEAVY} else found(name, path, target)
PathFinder.find_spec = without_heavy_ones
"""
"""From here on they are not installed."""


def python(script, *arguments, cwd=None, code=0):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("device")
    (folder / "inbox").mkdir()
    (folder / "inbox" / "a.png").write_bytes(picture("red"))
    (folder / "tiny.tflite").write_bytes(tiny_model.path.read_bytes())
    (folder / "edgecls.toml").write_text('model = "tiny.tflite"\n[source]\npath = "inbox"\nsettle_seconds = 0.01')
    command(folder, "run --config edgecls.toml --until-idle 0.1")
    return folder


def command(folder, arguments, code=0):
    script = GUARD + "from edgecls.cli.main import main\nmain()"
    return python(script, *arguments.split(), cwd=folder, code=code)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--help", "convert"),
        ("run --help", "/etc/edgecls/edgecls.toml"),
        ("classify --help", "PATH..."),
        ("convert --help", "--epochs"),
        ("classify inbox -m tiny.tflite --db classify.db", "red"),
        ("run --config edgecls.toml --until-idle 0.1", ""),
        ("run --config edgecls.toml --check", "self-test passed"),
        ("service install --root .", "edgecls.service"),
        ("inspect tiny.tflite", "exact"),
        ("backbones", "efficientnet-lite0"),
        ("query", "red"),
        ("stats", "red"),
        ("harvest --db classify.db --out harvest", "1 images"),
        ("harvest --db classify.db --import-labels harvest", "1 reviews"),
        ("clock", "runs"),
        ("merge merged.db results.db", "results.db"),
        ("bench -m tiny.tflite --images inbox --seconds 0.01", "tiny, "),
        ("doctor --config edgecls.toml", "golden examples reproduced"),
        ("drift --since 2020-01-01 --baseline-until 2020-01-01", "too few rows"),
    ],
)
def test_every_command_of_the_device_works_without(place, arguments, said):
    assert said in command(place, arguments).stdout


@pytest.mark.parametrize(
    "arguments", ["convert inbox -o new.tflite", "evaluate inbox -m tiny.tflite", "backbones --measure"]
)
def test_what_needs_them_says_what_to_install(place, arguments):
    done = command(place, arguments, code=69)
    (line,) = done.stderr.splitlines()
    assert line.endswith("is not installed: pip install 'edgecls[convert]'")


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        ("classify", "classify [OPTIONS] PATH..."),
        ("convert", "convert [OPTIONS] DATASET"),
        ("run", "run [OPTIONS]"),
        ("service install", "service install [OPTIONS] [NAME]"),
    ],
)
def test_the_usage_line_is_as_in_the_documentation(place, arguments, usage):
    lines = [line.strip() for line in command(place, f"{arguments} --help").stdout.splitlines()]
    assert f"Usage: edgecls {usage}" in lines


def imported_by(statement):
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(python(script).stdout.split())


def test_importing_edgecls_imports_nothing():
    names = imported_by("import edgecls")
    assert "edgecls" in names
    assert not names & {*HEAVY, "numpy", "cv2", "typer", "pydantic", "sqlite_utils", "watchdog", "ai_edge_litert"}


@pytest.mark.parametrize(
    "statement",
    ["from edgecls import Classifier, open_results", "import edgecls.cli.main", "import edgecls.model.model_file"],
)
def test_what_the_device_imports(statement):
    assert not imported_by(statement) & {*HEAVY, "ai_edge_litert", "tflite_runtime"}


def test_the_public_names(tiny_model):
    assert edgecls.Classifier(tiny_model.path).classify(picture("blue")).label == "blue"
    with pytest.raises(AttributeError, match="has no attribute 'Clasifier'"):
        _ = edgecls.Clasifier
    assert set(edgecls.__all__) <= set(dir(edgecls))


def test_the_command_line_starts_without_numpy():
    """What is broken is examined by a command: `edgecls doctor`."""
    script = GUARD.replace(str(HEAVY), "('numpy', 'pandas', 'cv2', 'ai_edge_litert')")
    assert "doctor" in python(f"{script}\nfrom edgecls.cli.main import main\nmain()", "--help").stdout
