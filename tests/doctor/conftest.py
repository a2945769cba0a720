import boards
import pytest

from edgecls.doctor.system import System
from edgecls.doctor.target import Target


@pytest.fixture
def board(tmp_path):
    """Write the files of a machine, with changes (None removes a file), and return it as a target."""

    def board(files, **more):
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
        (tmp_path / "root").mkdir(exist_ok=True)
        return Target(system=System(tmp_path / "root"), **more)

    return board


@pytest.fixture
def pi(board):
    """Return a Raspberry Pi 4, with changes."""
    return lambda changes=None, **more: board(boards.PI_4 | (changes or {}), **more)


@pytest.fixture
def orin(board):
    """Return a Jetson Orin Nano that is warm, and short of power and memory; with changes."""
    return lambda changes=None, **more: board(boards.ORIN_NANO | (changes or {}), **more)


@pytest.fixture
def program(tmp_path):
    """Put a program into the machine, as a shell script."""

    def program(name, script):
        path = tmp_path / "root/usr/bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return program
