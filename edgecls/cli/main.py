"""The program `edgecls`: the one place that turns errors into messages and exit codes."""

import contextlib
import logging
import os
import sys
from importlib import import_module
from typing import Any

import typer

from edgecls.cli.command import Command
from edgecls.cli.output import Output, printable
from edgecls.cli.streams import discard_unwritten, open_closed_streams
from edgecls.cli.usage_messages import usage_message
from edgecls.device import journal
from edgecls.errors import BadConfig, EdgeclsError, from_os_error
from edgecls.images.native_output import restore_stderr
from edgecls.version import __version__

# Typer uses click or, in later versions, its own copy of it: take the base class of errors from the one in use.
_CommandLineError: Any = typer.BadParameter.__mro__[2]

COMMANDS = {
    "convert": "convert:convert",
    "evaluate": "evaluate:evaluate",
    "backbones": "backbones:backbones",
    "inspect": "device:inspect",
    "classify": "device:classify",
    "run": "run:run",
    "query": "query:query",
    "stats": "stats:stats",
    "export": "export:export",
    "backup": "results:backup",
    "restore": "results:restore",
    "serve": "serve:serve",
    "review": "serve:review",
    "harvest": "harvest:harvest",
    "clock": "clock:clock",
    "merge": "merge:merge",
    "drift": "drift:drift",
    "bench": "bench:bench",
    "doctor": "doctor:doctor",
    "service": "service:app",
}
"""Name -> "module of edgecls.cli:function", in the order of the help. A module is imported when its command is used."""


def program(name: str | None = None) -> typer.Typer:
    """Return the program with only the command `name`, or with all commands if there is no such command."""
    app = typer.Typer(
        name="edgecls",
        help="Train an image classifier, run it on a small computer, and store every result in SQLite.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(root)
    for each in [name] if name in COMMANDS else COMMANDS:
        module, function = COMMANDS[each].split(":")
        command = getattr(import_module(f"edgecls.cli.{module}"), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command)
        else:
            app.command(name=each, cls=Command)(command)
    return app


def root(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Print the version if requested; the help is that of `program`."""
    if version:
        typer.echo(f"edgecls {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line, and exit with the codes of `edgecls.errors`."""
    open_closed_streams()
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("edgecls: %(message)s"))
    if journal.goes_to_journal(sys.stderr, os.environ):
        handler.setFormatter(journal.PriorityFormatter(_OneLine("%(message)s")))  # the journal names the program
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # we report a bad image once
    code = _run()
    discard_unwritten(sys.stdout)
    sys.exit(code)


class _OneLine(logging.Formatter):
    """A formatter that escapes line breaks, which file names may contain."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _run() -> int:
    try:
        return _invoke()
    except BadConfig as error:
        return [_print_error(problem, error.exit_code) for problem in error.problems][-1]
    except EdgeclsError as error:
        return _print_error(str(error), error.exit_code)
    except _CommandLineError as error:
        message = usage_message(error)  # empty if there was no argument: the help was printed
        return _print_error(message, 2) if message else 2
    except (KeyboardInterrupt, typer.Abort):
        return _print_error("interrupted", 130)
    except BrokenPipeError:  # the reader of our output is gone: `edgecls query | head`
        return 0
    except OSError as error:
        translated = from_os_error(error, f"cannot use {error.filename or 'a file'}")
        return _print_error(str(translated), translated.exit_code)
    except Exception as error:
        if os.environ.get("EDGECLS_DEBUG"):
            raise
        return _print_error(
            f"a bug in edgecls ({type(error).__name__}: {error}): set EDGECLS_DEBUG=1 and report it", 70
        )


def _invoke() -> int:
    # Not app(), which handles some errors itself, such as a broken pipe.
    command = typer.main.get_command(program(*sys.argv[1:2]))
    with contextlib.redirect_stdout(Output(sys.stdout)) as output:
        try:
            with command.make_context("edgecls", sys.argv[1:]) as context:
                command.invoke(context)
        except typer.Exit as end:
            code = end.exit_code
        else:
            code = 0
        output.flush()
    return code


def _print_error(message: str, code: int) -> int:
    """Print the message to stderr in one line; return `code`."""
    line = f"edgecls: error: {printable(' '.join(message.split()))}"
    restore_stderr()
    if journal.goes_to_journal(sys.stderr, os.environ):
        line = journal.prefix(logging.ERROR) + line
    typer.echo(line, err=True)
    return code
