"""The commands that docs/how-to/query.md shows are understood."""

import re
import shlex

import pytest
import typer
from paths import ROOT

from edgecls.cli.main import program

PAGE = (ROOT / "docs" / "how-to" / "query.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ edgecls (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_parses(command):
    name, *arguments = shlex.split(command)
    typer.main.get_command(program()).commands[name].make_context(name, arguments)


def test_each_option_is_there():
    known = {option for each in typer.main.get_command(program()).commands["query"].params for option in each.opts}
    table = PAGE.split("| option |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(--[a-z-]+)`", table)) <= known
