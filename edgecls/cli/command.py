"""A command whose usage line reads like the documentation."""

from typing import Any

from typer.core import TyperCommand


class Command(TyperCommand):
    """A command that shows the argument PATH... as it is; Typer since 0.29 writes `{PATH...}...`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002  # the interface is Typer's
        """Return the options, then the metavar of each argument."""
        arguments = [
            str(each.metavar or each.name.upper()) for each in self.params if each.param_type_name == "argument"
        ]
        return ["[OPTIONS]", *arguments]
