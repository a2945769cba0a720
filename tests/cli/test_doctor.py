"""`edgecls doctor`."""

import json

import pytest

from edgecls.doctor.checks import CHECKS


@pytest.fixture
def broken(environment, tmp_path):
    """A machine on which importing these packages fails, in every process."""

    def broken(*packages):
        for name in packages:
            (tmp_path / "broken" / name).mkdir(parents=True)
            (tmp_path / "broken" / name / "__init__.py").write_text("raise ImportError('not for this machine')")
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{tmp_path / 'broken'}:{before}" if before else str(tmp_path / "broken")

    return broken


def test_as_json(edgecls, inbox, tmp_path):
    done = edgecls("doctor", "--config", "edgecls.toml", "--format", "json")
    found = {finding.pop("check"): finding for finding in json.loads(done.stdout)}
    assert list(found) == list(CHECKS)
    assert {status["status"] for status in found.values()} <= {"ok", "warning", "skipped"}
    assert found["model"]["message"] == "tiny, 3 labels: 4 golden examples reproduced"
    assert found["database"] == {
        "status": "skipped",
        "message": f"no {tmp_path / 'results.db'} yet",
        "fix": "the daemon makes it; another one: --db FILE",
    }
    assert not list(tmp_path.glob("*.db*"))
    assert done.stderr == ""
    assert inbox.is_dir()


def test_as_lines_of_80_columns(edgecls, environment):
    environment["COLUMNS"] = "80"
    done = edgecls("doctor", "--db", "\x1b[2Jé.db")
    lines = done.stdout.splitlines()
    assert not [line for line in lines if len(line) > 80 and len(line[25:].split()) > 1]  # a word stays whole
    assert [line[10:25].strip() for line in lines if line[:8].strip()] == list(CHECKS)
    assert "\x1b" not in done.stdout
    environment["PYTHONIOENCODING"] = "ascii"
    assert "no \\x1b[2J\\xe9.db yet" in edgecls("doctor", "--db", "\x1b[2Jé.db").stdout


def test_what_failed_is_the_exit_code(edgecls):
    done = edgecls("doctor", "-m", "missing.tflite", code=1)
    lines = done.stdout.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("FAILED"))
    assert lines[place].split(maxsplit=1)[1].split() == ["model", "no", "model", "at", "missing.tflite"]
    assert lines[place + 1].strip() == "-> check the path, or make one with edgecls convert"
    assert done.stderr == ""


@pytest.mark.parametrize("package", ["cv2", "numpy", "ai_edge_litert"])
def test_a_broken_library_is_found_and_the_rest_too(edgecls, broken, tmp_path, package):
    broken(package)
    (tmp_path / "edgecls.toml").write_text('[source]\npath = "inbox"')
    done = edgecls("doctor", "--config", "edgecls.toml", "--format", "json", code=1)
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    name = {"cv2": "OpenCV", "ai_edge_litert": "runtime"}.get(package, package)
    assert found[name]["status"] == "failed"
    assert "ImportError: not for this machine" in found[name]["message"]
    assert found["model"]["status"] == "failed"
    assert found["memory"]["status"] in ("ok", "warning")
    assert done.stderr == ""


def test_all_of_them_broken(edgecls, broken):
    broken("cv2", "numpy", "ai_edge_litert", "tflite_runtime")
    done = edgecls("doctor", code=1)
    assert done.stdout.count("FAILED") == 4
    assert "doctor" in edgecls("--help").stdout
