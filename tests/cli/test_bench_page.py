"""docs/how-to/bench.md says what the command does."""

import re
import shlex

import typer
from pages import DOCS, consoles

from edgecls.bench import pictures, stages, timing
from edgecls.cli.bench import bench

PAGE = (DOCS / "how-to" / "bench.md").read_text("utf-8")
SAID = " ".join(PAGE.split())


def command():
    app = typer.Typer(add_completion=False)
    app.command()(bench)
    return typer.main.get_command(app)


def test_the_commands_are_understood():
    shown = [text for text, _ in consoles("how-to/bench.md")]
    assert len(shown) == 3
    for text in shown:
        program, name, *arguments = shlex.split(text)
        assert (program, name) == ("edgecls", "bench")
        assert command().make_context("bench", arguments).params["models"]


def test_every_option_is_on_the_page():
    options = {name for each in command().params for name in each.opts} - {"--help", "--model"}
    assert options == {name for name in options if f"{name}" in PAGE}
    default = next(each.default for each in command().params if each.name == "seconds")
    assert f"`--seconds S` ({default:.0f} by default)" in SAID


def test_stages_and_figures():
    assert re.findall(r"^\| `(\S+)` \| ", PAGE.split("## Stages")[1].split("## ")[0], re.MULTILINE) == [
        stages.DECODE, stages.RESIZE, stages.BOTH, stages.INFER, stages.COMMIT,
    ]  # fmt: skip
    for width, height in pictures.MADE:
        assert f"{width}x{height}" in SAID
    assert f"{pictures.MOST} of them at most" in SAID
    assert f"over {timing.NOISY * 100:.0f} %" in SAID
