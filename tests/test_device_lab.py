"""The parts of the device lab that need no device."""

import importlib.util
import sys
from pathlib import Path

import pytest

REPORT = Path(__file__).parents[1] / "tools/device-lab/report.py"


@pytest.fixture
def report(monkeypatch):
    spec = importlib.util.spec_from_file_location("lab_report", REPORT)
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
