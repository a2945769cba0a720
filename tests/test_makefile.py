"""The Makefile, as far as it can be tried without a package index."""

import shutil
import subprocess

import pytest
from paths import ROOT

MAKEFILE = ROOT / "Makefile"
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def test_a_virtual_environment_that_could_not_be_made_is_made_again(tmp_path):
    """`python3 -m venv` fails on a Debian without python3-venv, and leaves an interpreter without pip."""
    shutil.copy(MAKEFILE, tmp_path)
    python = tmp_path / "python"
    for outcome, left in (("exit 1", False), ("true", True)):
        python.write_text(f"#!/bin/sh\nmkdir -p .venv/bin && touch .venv/bin/python && {outcome}\n")
        python.chmod(0o755)
        command = ["make", f"PYTHON={python}", ".venv/bin/python"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode == 0) is left, done.stderr
        assert (tmp_path / ".venv").exists() is left
