"""Each check stands alone."""

import pytest

from edgecls.doctor import checks
from edgecls.doctor.check_result import Status
from edgecls.doctor.checks import CHECKS, NamedResult, run_checks
from edgecls.doctor.model import configuration
from edgecls.doctor.system import System
from edgecls.doctor.target import Target
from edgecls.errors import BadData


def test_a_check_that_breaks_down_is_a_finding(monkeypatch):
    monkeypatch.setattr(checks, "CHECKS", {"gone": "edgecls.doctor.gone:check", "memory": CHECKS["memory"]})
    gone, memory = run_checks(Target())
    assert gone.status is Status.failed
    assert gone.message.startswith("could not be checked (ModuleNotFoundError")
    assert memory.status is not Status.failed


def test_an_error_of_ours_brings_its_remedy(monkeypatch):
    def bad(_):
        raise BadData("it is\nbroken: mend it")

    monkeypatch.setattr("edgecls.doctor.memory.memory", bad)
    monkeypatch.setattr(checks, "CHECKS", {"memory": CHECKS["memory"]})
    assert list(run_checks(Target())) == [NamedResult("memory", Status.failed, "it is broken", "mend it")]


def test_a_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("EDGECLS_DEBUG", "1")
    monkeypatch.setattr(checks, "CHECKS", {"gone": "edgecls.doctor.gone:check"})
    with pytest.raises(ModuleNotFoundError):
        list(run_checks(Target()))


def test_a_machine_that_shows_nothing_fails_nothing(tmp_path):
    findings = {
        finding.check: finding for finding in run_checks(Target(System(tmp_path), database=tmp_path / "none.db"))
    }
    assert list(findings) == list(CHECKS)
    assert not [finding for finding in findings.values() if finding.status is Status.failed]


def test_what_cannot_be_read_is_not_there(tmp_path):
    system = System(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\x00\n")
    (tmp_path / "loop").symlink_to("loop")
    assert system.text("/folder") is system.text("/loop") is system.text("/none") is system.number("/binary") is None
    assert system.text("/binary") == "\ufffd"
    assert system.run_command("nothing") is None


def test_a_program_that_fails_or_cannot_be_run(tmp_path):
    system = System(tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in {"fails": "#!/bin/sh\necho no; exit 3", "garbage": "\x7fELF"}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
        assert system.run_command(name) is None


def test_the_configuration(tmp_path):
    path = tmp_path / "edgecls.toml"
    target = Target(config=path)
    assert configuration(target).message == f"no configuration file at {path}"
    path.write_text("[source]\npath = 1\n[vote]\nvotes = 0")
    assert configuration(Target(config=path)).status is Status.failed
    path.write_text('database = "rows.db"\n[source]\npath = "inbox"\n[saved_frames]\nkeep = "all"\n')
    target = Target(config=path)
    assert configuration(target) == (Status.ok, f"{path}: source folder", "")
    assert target.database_path == tmp_path / "rows.db"
    assert target.configured.value["frames"] == str(tmp_path / "rows-frames")
    assert Target(config=path, database=tmp_path / "other.db").database_path == tmp_path / "other.db"
