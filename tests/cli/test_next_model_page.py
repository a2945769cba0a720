"""docs/how-to/active-learning.md says what the options are, and its commands are ones that there are."""

import re
import shlex

import typer
from paths import ROOT

from edgecls.cli.main import program
from edgecls.images.look_alikes import MOST_BITS
from edgecls.results.active_learning.harvest import RARE, RARE_SHARE, Reason
from edgecls.results.active_learning.harvest_folder import FOLDERS, REASONS
from edgecls.training.data.balance import FEW_IMAGES

PAGE = (ROOT / "docs" / "how-to" / "active-learning.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())
COMMANDS = typer.main.get_command(program()).commands


def rows(heading):
    """Cells of the first table after the line that begins with `heading`."""
    section = PAGE.split(f"\n{heading}")[1].split("\n\n")[0]
    return [re.split(r"\s*\|\s*", line)[1:-1] for line in section.splitlines()[2:]]


def test_every_option_is_on_the_page_with_its_default():
    told = {name: cells[1] for cells in rows("| option |") for name in re.findall(r"--[a-z-]+", cells[0])}
    options = {each.opts[0]: each.default for each in COMMANDS["harvest"].params}
    assert set(told) == set(options) - {"--db", "--help"}
    for name, default in told.items():
        assert default == ("" if options[name] in (None, ()) else f"{options[name]:g}")


def test_every_reason_is_on_the_page():
    assert [cells[0].strip("`") for cells in rows("| why, in")] == list(Reason.__args__)
    assert (RARE, RARE_SHARE) == (1 / 4, 1 / 5)
    assert f"at most {MOST_BITS} of 64 bits" in TEXT
    assert f"if at least {FEW_IMAGES} images have it" in TEXT
    assert f"`{REASONS}`" in TEXT
    assert f"`{FOLDERS}`" in TEXT


def test_the_commands_have_these_options():
    lines = [line for line in PAGE.splitlines() if line.startswith("$ edgecls ")]
    assert len(lines) > 5
    for line in lines:
        _, _, name, *arguments = shlex.split(line)
        known = {option for each in COMMANDS[name].params for option in each.opts}
        assert {each for each in arguments if each.startswith("-")} <= known
