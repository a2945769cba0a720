"""Every command that the documentation shows is one that the program understands."""

import re
import shlex

import pytest
import typer
from pages import blocks, consoles, pages
from paths import ROOT

from edgecls.cli.main import program

COMMANDS = typer.main.get_command(program()).commands
TOOLS = "\n".join(tool.read_text("utf-8") for tool in (ROOT / "tools").rglob("*.py"))
FOREIGN = {"--help", "--version", "--system-site-packages", *re.findall(r"\"(--[a-z][a-z-]+)\"", TOOLS)}
"""Options of the tools, and of Python."""


def shown_commands(page):
    """Yield the `edgecls` commands of console and sh blocks, without prompts, pipes, redirections and comments."""
    lines = [command for command, _ in consoles(page)]
    for block in blocks(page, "sh"):
        lines += block.replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["sudo"]:
            words = words[1:]
        if words[:1] == ["edgecls"]:
            end = next((i for i, word in enumerate(words) if word in {"|", ">", "&", "&&", ";", "||", "2>", "<"}), None)
            yield words[1:end]


def parse(words):
    name, *arguments = words
    COMMANDS[name].make_context(name, arguments)


def error_of(words):
    """Return why the program refuses the command, or None."""
    try:
        parse(words)
    except Exception as error:  # noqa: BLE001 - Typer brings its own Click, or uses the one that is installed
        return f"{shlex.join(words)}: {error!r}"
    return None


def by_page(function):
    return pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))(function)


@by_page
def test_each_command_parses(page):
    commands = [words for words in shown_commands(page) if words and not words[0].startswith("-")]
    assert [error for error in map(error_of, commands) if error] == []


def test_commands_are_found():
    shown = [words for page in pages() for words in shown_commands(page) if words]
    assert len(shown) > 50
    assert {words[0] for words in shown} >= {"convert", "classify", "run", "query", "serve", "doctor"}


def test_an_unknown_option_is_noticed():
    with pytest.raises(Exception, match=r"(?i)no such option"):
        parse(["query", "--lable", "robin"])


@by_page
def test_each_option_exists(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    parameters = [param for each in COMMANDS.values() for param in each.params]
    known = {name for param in parameters for name in (*param.opts, *param.secondary_opts)}
    named = set(re.findall(r"`(--[a-z][a-z-]+)", text))
    assert named - known - FOREIGN == set()
