"""The commands `service install`, `uninstall` and `status`: the daemon as a systemd service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.command import Command
from edgecls.cli.output import OutputFormat, write_rows
from edgecls.errors import InputNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecls.service.install import Step

app = typer.Typer(
    name="service", help="Install the daemon as a systemd service.", no_args_is_help=True, add_completion=False
)

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="The name of the service, if there are several: it uses /etc/edgecls/NAME.toml."
    ),
]
Root = Annotated[
    Path,
    typer.Option(
        "--root", metavar="DIR", readable=False, help="Install into the system image at DIR. Nothing is started."
    ),
]
Format = Annotated[OutputFormat, typer.Option("--format", help="The output format.")]
HERE = Path("/")


@app.command(cls=Command)
def install(
    name: Name = None,
    *,
    root: Root = HERE,
    camera: Annotated[bool, typer.Option("--camera", help="Allow the service to use cameras and the network.")] = False,
    output_format: Format = OutputFormat.table,
) -> None:
    """Install the unit, its user, its folders and an example configuration. An existing configuration is kept."""
    from edgecls.service.files import Instance
    from edgecls.service.install import install, next_steps

    instance = Instance(name)
    _print(install(instance, _check_root(root), camera=camera), output_format)
    for line in next_steps(instance, root.absolute()):
        typer.echo(f"edgecls: {line}", err=True)


@app.command(cls=Command)
def uninstall(name: Name = None, *, root: Root = HERE, output_format: Format = OutputFormat.table) -> None:
    """Stop and remove the service. Its configuration, user and data are kept."""
    from edgecls.service.files import Instance
    from edgecls.service.install import uninstall

    steps = uninstall(Instance(name), _check_root(root))
    _print(steps, output_format)
    kept = [str(step.path) for step in steps if step.state == "kept"]
    if kept:
        typer.echo(f"edgecls: kept {', '.join(kept)}: delete by hand what you do not need", err=True)


@app.command(cls=Command)
def status(name: Name = None, *, root: Root = HERE, output_format: Format = OutputFormat.table) -> None:
    """Show which files are installed. The exit code is 1 if one is missing or the configuration is wrong."""
    from edgecls.service.files import Instance
    from edgecls.service.install import status

    steps = status(Instance(name), _check_root(root))
    _print(steps, output_format)
    if any(step.state == "missing" or step.state.startswith("wrong") for step in steps):
        raise typer.Exit(1)


def _check_root(root: Path) -> Path:
    if not root.is_dir():
        raise InputNotFound(f"no folder at {root}: name the root folder of a system image")
    return root.absolute()


def _print(steps: "Iterable[Step]", output_format: OutputFormat) -> None:
    write_rows(("path", "state"), [{"path": str(path), "state": state} for path, state in steps], output_format)
