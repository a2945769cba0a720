"""docs/how-to/doctor.md shows what the command prints on a Raspberry Pi 4, and what each check finds."""

import re

import typer
from pages import DOCS, consoles

from edgecls.cli import doctor
from edgecls.doctor import database, disk, heat, memory
from edgecls.doctor.checks import CHECKS, examine

PAGE = (DOCS / "how-to" / "doctor.md").read_text("utf-8")
SAID = " ".join(PAGE.split())
OF_THE_KERNEL = ("processor", "governor", "throttling", "temperature", "memory", "cameras")
"""Checks whose answers are in the files of the board alone."""


def test_a_raspberry_pi(pi, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    changes = {
        "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    }
    found = [finding for finding in examine(pi(changes)) if finding.check in OF_THE_KERNEL]
    doctor._shown(found)
    ((_, shown),) = consoles("how-to/doctor.md")
    assert capsys.readouterr().out.rstrip("\n") in shown
    assert [line[10:25].strip() for line in shown.splitlines() if line[:8].strip()] == list(CHECKS)
    assert max(map(len, shown.splitlines())) <= 81  # a path that is longer stays whole


def test_every_check_has_its_line():
    assert re.findall(r"^\| (\S+) \|", PAGE.split("| --- | --- | --- |")[1], re.MULTILINE) == list(CHECKS)


def test_every_limit_and_option_is_on_the_page():
    for text in (
        f"{heat.WARM_C:.0f} C or more",
        f"less than {memory.LEAST_MIB} MiB available",
        f"less than {disk.COMFORTABLE_MIB} MiB or 1000 files free",
        f"less than {disk.LEAST_MIB} MiB free",
        f"read for {database.LONGEST_S:.0f} s at most",
    ):
        assert text in SAID
    app = typer.Typer(add_completion=False)
    app.command()(doctor.doctor)
    options = {name for each in typer.main.get_command(app).params for name in each.opts} - {"--help", "--model"}
    assert options == {name for name in options if f"`{name}" in PAGE}
