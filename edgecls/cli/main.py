"""The program `edgecls`, and the one place where errors become messages and exit codes."""

import logging
import os
import sys

import click
import typer

from edgecls import __version__
from edgecls.cli import convert, device, results
from edgecls.errors import EdgeclsError, from_os_error

app = typer.Typer(
    name="edgecls",
    help="Fine-tune, quantize and run an image classifier on a small computer; every result in SQLite.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    convert.convert,
    convert.evaluate,
    device.inspect,
    device.classify,
    device.run,
    results.query,
    results.stats,
):
    app.command()(command)


@app.callback(invoke_without_command=True)
def root(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """See `app.help`."""
    if version:
        typer.echo(f"edgecls {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; exits with the codes of `edgecls.errors`."""
    logging.basicConfig(format="edgecls: %(message)s", level=logging.INFO, stream=sys.stderr)
    sys.exit(_run())


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except EdgeclsError as error:
        return _complain(str(error), error.exit_code)
    except click.UsageError as error:
        return _complain(f"{error.format_message()} (edgecls --help says what there is)", error.exit_code)
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", 130)
    except BrokenPipeError:
        # Whoever read our output has enough (`edgecls query | head`); Python must not fail on flushing the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        translated = from_os_error(error, f"cannot use {error.filename or 'a file'}")
        return _complain(str(translated), translated.exit_code)
    except Exception as error:
        if os.environ.get("EDGECLS_DEBUG"):
            raise
        return _complain(f"a bug in edgecls ({type(error).__name__}: {error}): set EDGECLS_DEBUG=1 and report it", 70)


def _complain(message: str, code: int) -> int:
    """One line on stderr, whatever the message holds."""
    typer.echo(f"edgecls: error: {' '.join(message.split())}", err=True)
    return code
