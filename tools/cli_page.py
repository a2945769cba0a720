"""Print docs/reference/cli.md from the commands themselves; with --write, write the page.

A test compares the page with the commands.
"""

import sys
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from edgecls.cli.main import program

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = """<!-- Written by tools/cli_page.py: run it with --write after a change to a command. -->

# Command line

Every command and option of `edgecls`, as `--help` shows them. Data goes to standard output, messages go to standard
error. See also [exit codes](exit-codes.md).
"""


def markdown() -> str:
    """Return the whole page."""
    root = typer.main.get_command(program())
    return "\n".join([HEAD, *_commands(root, "edgecls")])


def _commands(group: Any, path: str) -> list[str]:
    """Return the sections of the commands of `group`, and of the groups in it."""
    lines = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            lines += [f"## {path} {name}\n", _text(command.help), *_commands(command, f"{path} {name}")]
        else:
            lines += _command(command, f"{path} {name}", level=2 if path == "edgecls" else 3)
    return lines


def _command(command: Any, path: str, level: int) -> list[str]:
    """Return the section of one command: usage, what it does, arguments and options by panel."""
    lines = [f"{'#' * level} {path}\n", _text(command.help)]
    lines += ["```text", f"{path} {' '.join(command.collect_usage_pieces(None))}", "```\n"]
    panels: dict[str, list[Any]] = {}
    for param in command.params:
        if not getattr(param, "hidden", False):
            kind = "Arguments" if param.param_type_name == "argument" else "Options"
            panels.setdefault(getattr(param, "rich_help_panel", None) or kind, []).append(param)
    for title, params in panels.items():
        lines += [f"**{title}**\n", "| | | default |", "| --- | --- | --- |"]
        lines += [_row(param) for param in params]
        lines.append("")
    return lines


def _row(param: Any) -> str:
    """Return the table row of a parameter: names with the value that they take, help, default."""
    if param.param_type_name == "argument":
        names = f"`{param.metavar or param.name.upper()}`"
    else:
        flag = getattr(param, "is_flag", False)
        value = "" if flag else f" {_metavar(param)}"
        names = ", ".join(f"`{name}{value}`" for name in (*param.opts, *param.secondary_opts))
    help_text = _cell(param.help or "")
    if param.envvar:
        help_text += f" Environment variable: `{param.envvar}`."
    return f"| {names.replace('|', chr(92) + '|')} | {help_text} | {_default(param)} |"


def _metavar(param: Any) -> str:
    """Return what an option takes: its metavar, its choices, or its type."""
    if param.metavar:
        return str(param.metavar)
    annotation = param.type_descriptor.annotation
    annotation = next(iter(get_args(annotation)), annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(choice.value) for choice in annotation)
    return {str: "TEXT", Path: "PATH", float: "NUMBER", int: "N"}.get(annotation, "TEXT")


def _default(param: Any) -> str:
    """Return the default of a parameter; empty for flags that are off and for what has none."""
    value = getattr(param.default, "value", param.default)
    empty = value is None or value is False or (isinstance(value, tuple | list) and not value)
    if empty or callable(value) or param.required:
        return ""
    return f"`{'on' if value is True else value}`"


def _text(help_text: str | None) -> str:
    return (help_text or "").replace("\b", "").strip() + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(markdown(), "utf-8")
    else:
        print(markdown(), end="")
