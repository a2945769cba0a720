"""Read the pages of the documentation: their commands, code blocks and links."""

import os
import re
import shlex
from pathlib import Path

from paths import ROOT
from typer.testing import CliRunner

from edgecls.cli.main import program

DOCS = ROOT / "docs"


def pages() -> list[Path]:
    """Return every page that a user reads."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def blocks(page, language):
    """Return the text of the fenced code blocks in `language`."""
    text = (DOCS / page).read_text("utf-8")
    return [body for _, body in re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)]


def consoles(page):
    """Yield (command, the output shown below it) of the console blocks of `page`."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            while command.endswith("\\"):
                line, _, shown = shown.partition("\n")
                command = command[:-1] + line.strip()
            yield command, shown.rstrip("\n")


def outcome(command):
    """Run an `edgecls` command in this process and return (exit code, stdout)."""
    name, *arguments = shlex.split(command)
    assert name == "edgecls"
    done = CliRunner().invoke(program(), arguments, catch_exceptions=False)
    return done.exit_code, "\n".join(line.rstrip() for line in done.stdout.splitlines())


def check_outputs(page, exit_code=0):
    """Run the console blocks of `page` and compare what they print; with UPDATE_PAGES=1 set, correct the page."""
    for command, shown in consoles(page):
        code, printed = outcome(command)
        assert code == exit_code, command
        if os.environ.get("UPDATE_PAGES"):
            text = (DOCS / page).read_text("utf-8")
            (DOCS / page).write_text(text.replace(f"$ {command}\n{shown}", f"$ {command}\n{printed}"), "utf-8")
        else:
            assert printed == shown, f"{command}: correct the page with UPDATE_PAGES=1"
