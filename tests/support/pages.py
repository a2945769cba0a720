"""What a page of the documentation shows of the program is what the program does."""

import re
import shlex

from paths import ROOT
from typer.testing import CliRunner

from edgecls.cli.main import program

DOCS = ROOT / "docs"


def consoles(page):
    """(command, the lines that the page shows below it) of all blocks of the page."""
    for block in re.findall(r"```console\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown.rstrip("\n")


def outcome(command):
    """(exit code, output) of a command of ours, in this process."""
    name, *arguments = shlex.split(command)
    assert name == "edgecls"
    done = CliRunner().invoke(program(), arguments, catch_exceptions=False)
    return done.exit_code, "\n".join(line.rstrip() for line in done.stdout.splitlines())
