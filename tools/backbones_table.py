"""Print the table of docs/reference/backbones.md from the code. A test compares the two."""

from edgecls.training.backbones import BACKBONES, Backbone

HEAD = "| backbone | input | parameters | million multiply-adds | int8 MB | ImageNet top-1 % | reported by | offline |"


def table() -> str:
    """Return a Markdown table with a line for each backbone. `offline`: its weights come with the Python packages."""
    return "\n".join([HEAD, "| --- " * 8 + "|", *map(_line, BACKBONES.values())])


def _line(backbone: Backbone) -> str:
    cells = [
        f"`{backbone.name}`",
        f"{backbone.input_size} x {backbone.input_size} x {backbone.channels}",
        f"{backbone.parameters:,}",
        f"{backbone.mmacs:.1f}",
        f"{backbone.int8_mb}",
        f"{backbone.top1}" if backbone.top1 is not None else "",
        backbone.top1_source,
        "yes" if backbone.offline else "",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table())
