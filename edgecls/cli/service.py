"""The commands `service install`, `uninstall` and `status`: the daemon as a unit of systemd."""

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
    name="service", help="Install the daemon as a service of systemd.", no_args_is_help=True, add_completion=False
)

Name = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="One of several: /etc/edgecls/NAME.toml. Without it, the only one."),
]
Root = Annotated[
    Path, typer.Option("--root", metavar="DIR", readable=False, help="An image to install in; nothing is started.")
]
Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]
HERE = Path("/")


@app.command(cls=Command)
def install(
    name: Name = None,
    *,
    root: Root = HERE,
    camera: Annotated[
        bool, typer.Option("--camera", help="Let it use cameras and the network: a drop-in, kept until uninstall.")
    ] = False,
    output_format: Format = OutputFormat.table,
) -> None:
    """Put unit, user, folders and an example configuration in place. A configuration that exists is kept."""
    from edgecls.service.files import Instance
    from edgecls.service.install import install, next_steps

    instance = Instance(name)
    _print(install(instance, _checked(root), camera=camera), output_format)
    for line in next_steps(instance, root.absolute()):
        typer.echo(f"edgecls: {line}", err=True)


@app.command(cls=Command)
def uninstall(name: Name = None, *, root: Root = HERE, output_format: Format = OutputFormat.table) -> None:
    """Stop the service and remove it; configuration, user and data stay."""
    from edgecls.service.files import Instance
    from edgecls.service.install import uninstall

    steps = uninstall(Instance(name), _checked(root))
    _print(steps, output_format)
    kept = [str(step.path) for step in steps if step.state == "kept"]
    if kept:
        typer.echo(f"edgecls: kept {', '.join(kept)}: remove by hand what you do not need", err=True)


@app.command(cls=Command)
def status(name: Name = None, *, root: Root = HERE, output_format: Format = OutputFormat.table) -> None:
    """Say what is in place; exit code 1 if something is missing, or the configuration is wrong."""
    from edgecls.service.files import Instance
    from edgecls.service.install import status

    steps = status(Instance(name), _checked(root))
    _print(steps, output_format)
    if any(step.state == "missing" or step.state.startswith("wrong") for step in steps):
        raise typer.Exit(1)


def _checked(root: Path) -> Path:
    if not root.is_dir():
        raise InputNotFound(f"no folder at {root}: name the root of an image")
    return root.absolute()


def _print(steps: "Iterable[Step]", output_format: OutputFormat) -> None:
    write_rows(("path", "state"), [{"path": str(path), "state": state} for path, state in steps], output_format)
