"""The parts of the device lab that need no device."""

import importlib
import importlib.util
import json
import subprocess
import sys

import pytest
from paths import ROOT

from edgecls.device.configuration.config import read_config

LAB = ROOT / "tools/device-lab"


@pytest.fixture
def report(monkeypatch):
    spec = importlib.util.spec_from_file_location("lab_report", LAB / "report.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_evidence_of_before_a_power_cut_counts_and_its_cut_line_is_passed(report, tmp_path):
    evidence = tmp_path / "evidence"
    evidence.write_text('{"check": "it starts", "ok": true, "seen": "READY"}\n{"check": "it st')

    assert report.checks_from(evidence) == [report.Check("it starts", ok=True, seen="READY")]


def test_a_device_that_told_nothing_has_no_checks(report, tmp_path):
    assert report.checks_from(tmp_path / "evidence") == []


def test_the_page_marks_what_failed_and_what_was_seen_cannot_break_its_table(report):
    checks = [report.Check("it starts", ok=False, seen="a | b\nc"), report.Check("it ends", ok=True, seen="")]

    lines = report.page("Short form", checks, {"boot": 12.34}).splitlines()

    assert "| **FAILED** | it starts | a \\| b c |" in lines
    assert "| ok | it ends |  |" in lines
    assert "| boot | 12 |" in lines


@pytest.fixture
def cut(monkeypatch, tmp_path):
    """The power cuts' program, with the device's inbox here; it needs no more than the standard library."""
    monkeypatch.syspath_prepend(LAB / "guest")
    cut = importlib.import_module("cut")
    monkeypatch.setattr(cut, "INBOX", tmp_path)
    for place in ("done", "failed"):
        (tmp_path / place).mkdir()
    return cut


FED = {"moved.jpg": 0, "bad.jpg": 0, "deleted.jpg": 1, "kept.jpg": 2}


def find_rows(cut, monkeypatch, *names):
    rows = [cut.Row(n, name, "cat", "damaged" if name == "bad.jpg" else None) for n, name in enumerate(names)]
    monkeypatch.setattr(cut, "rows", lambda: rows)


def test_after_a_cut_files_are_where_the_configuration_of_then_has_put_them(cut, monkeypatch, tmp_path):
    assert cut.AFTER == ("move", "delete", "keep")
    find_rows(cut, monkeypatch, *FED)
    for name in ("done/moved.jpg", "failed/bad.jpg", "kept.jpg"):
        (tmp_path / name).touch()
    assert cut.misplaced(FED, 3) == []
    assert cut.misplaced(FED, 4) == ["kept.jpg"]  # not moved yet, as all that was kept is after the next cut
    (tmp_path / "kept.jpg").rename(tmp_path / "done/kept.jpg")
    assert cut.misplaced(FED, 4) == []


def test_after_a_cut_files_elsewhere_or_without_a_row_are_found(cut, monkeypatch, tmp_path):
    find_rows(cut, monkeypatch, "moved.jpg", "bad.jpg", "deleted.jpg")
    for name in ("done/moved.jpg", "moved.jpg", "done/bad.jpg", "deleted.jpg"):
        (tmp_path / name).touch()
    assert cut.misplaced(FED, 3) == ["moved.jpg", "bad.jpg", "deleted.jpg", "kept.jpg"]
    assert cut.fate_unknown(FED) == ["kept.jpg"]


def test_the_configuration_that_is_installed_is_edited_for_a_cut(cut, monkeypatch, tmp_path):
    config = tmp_path / "edgecls.toml"
    config.write_text((LAB.parents[1] / "systemd/edgecls.toml").read_text())
    commands = []
    monkeypatch.setattr(cut, "CONFIG", config)
    monkeypatch.setattr(cut, "run", lambda *command: commands.append(command[:2]))
    monkeypatch.setattr(cut, "journal", lambda *_: "reloaded: " * len(commands))
    for after in cut.AFTER:
        cut.switch(after)
        assert read_config(config).source.after == after
    assert commands == [("systemctl", "reload")] * 3


def test_the_first_boot_reads_the_output_of_the_commands(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(LAB / "guest")
    monkeypatch.setattr(importlib.import_module("evidence"), "SHARE", tmp_path)
    monkeypatch.delitem(sys.modules, "serving", raising=False)
    (tmp_path / "expected.json").write_text("{}")
    serving = importlib.import_module("serving")

    def run(_, *arguments):
        return subprocess.run([sys.executable, "-m", "edgecls", *arguments], capture_output=True, text=True).stdout

    monkeypatch.setattr(serving, "run", run)
    serving.installed()
    serving.examined()
    installed, examined = map(json.loads, (tmp_path / "evidence").read_text().splitlines())
    assert installed["check"] == "`edgecls service status` reports no problem"
    assert examined["check"] == "`edgecls doctor` reports no failure"
    assert "is missing" not in examined["seen"]
