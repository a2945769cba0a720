"""The outputs and the units on the page about drift are real."""

import configparser
import os
import random
import re
import shlex
import subprocess

import pytest
from machines import Machine
from pages import DOCS, check_outputs

from edgecls.database.store import Store

PAGE = (DOCS / "how-to" / "drift.md").read_text("utf-8")
MIDNIGHT = 1_795_478_400.0  # 2026-11-24T00:00Z
VALIDATION = {"n": 300, "labels": {"great tit": 150, "robin": 150}, "scores": [0, 0, 0, 0, 5, 15, 25, 45, 80, 130]}


@pytest.fixture
def feeder(tmp_path, monkeypatch):
    """Write two days of a bird feeder, and a third one with a dirty lens; a visit takes some frames."""
    monkeypatch.chdir(tmp_path)
    chance = random.Random(0)
    machine = Machine(lead=MIDNIGHT)
    machine.up = 0.0
    with Store(tmp_path / "feeder.db", clock=machine.clock) as store:
        machine.begin(store, model_name="birds", metrics={"validation": VALIDATION})
        with store.database.atomic():
            while machine.up < 3 * 86_400 - 1000:
                label = "great tit" if chance.random() < 0.8 else "robin"
                for _ in range(chance.randint(1, 5)):
                    tenth = chance.choices(range(10), VALIDATION["scores"])[0]
                    score = (tenth + 0.5) / 10 - (0.3 if machine.up > 2 * 86_400 else 0.0)
                    store.write(machine.frame(f"{machine.up}", label=label, score=score))
                    machine.up += 20
                machine.up += 880


@pytest.mark.usefixtures("feeder")
def test_outputs():
    check_outputs("how-to/drift.md", exit_code=1)


def test_the_unit_runs_the_command(tmp_path):
    service, timer = (configparser.RawConfigParser() for _ in range(2))
    for unit, text in zip((service, timer), re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL), strict=True):
        unit.optionxform = str
        unit.read_string(text)
    assert timer["Timer"]["OnCalendar"] == "*-*-* 06:30"
    (tmp_path / "edgecls").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "edgecls").chmod(0o755)
    command = shlex.split(service["Service"]["ExecStart"].replace("%%", "%"))
    done = subprocess.run(
        command, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True
    )
    assert done.stdout.split() == [
        *(
            "drift",
            "--db",
            "/var/lib/edgecls/results.db",
            "--only",
            "scores",
            "--since",
            "yesterday",
            "--until",
            "today",
        )
    ]
