"""The program understands every command, option and setting that the documentation shows."""

import re
import shlex

import pytest
import typer
from pages import blocks, consoles, pages
from paths import ROOT

from edgecls.cli.main import program
from edgecls.device.configuration.config import parse_config
from edgecls.errors import BadConfig

COMMANDS = typer.main.get_command(program()).commands
TOOLS = "\n".join(tool.read_text("utf-8") for tool in (ROOT / "tools").rglob("*.py"))
FOREIGN = {"--help", "--version", "--system-site-packages", *re.findall(r"\"(--[a-z][a-z0-9-]+)\"", TOOLS)}
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


def every_command():
    """Return the commands, those of groups included."""
    return [each for command in COMMANDS.values() for each in getattr(command, "commands", {"": command}).values()]


def option_names(param):
    return (*param.opts, *param.secondary_opts)


@by_page
def test_each_option_exists(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    known = {name for command in every_command() for param in command.params for name in option_names(param)}
    named = set(re.findall(r"`(--[a-z][a-z0-9-]+)", text))
    assert named - known - FOREIGN == set()


CAMERA = '[source]\ntype = "camera"\ndevice = 0\n'


def examples_of_settings():
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
        for page in pages()
        for number, block in enumerate(blocks(page, "toml"))
    ]


@pytest.mark.parametrize("block", examples_of_settings())
def test_each_setting_exists(block, tmp_path):
    parse_config((block if "[source]" in block else f"{block}{CAMERA}").encode(), tmp_path / "edgecls.toml")


def test_an_unknown_setting_is_noticed(tmp_path):
    with pytest.raises(BadConfig, match="modle"):
        parse_config(f"modle = 'a'\n{CAMERA}".encode(), tmp_path / "edgecls.toml")
