"""A command whose usage line reads as the documentation does."""

from typing import Any

from typer.core import TyperCommand


class Command(TyperCommand):
    """Typer since 0.29 writes `{PATH...}...` for the argument that is called PATH... in its help and our pages."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002  # the interface is Typer's
        """Options, then each argument by its metavar."""
        arguments = [
            str(each.metavar or each.name.upper()) for each in self.params if each.param_type_name == "argument"
        ]
        return ["[OPTIONS]", *arguments]
