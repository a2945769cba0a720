"""docs/how-to/train.md says what the options and the presets are."""

import re

import typer
from paths import ROOT

from edgecls.cli.convert import TRAINING
from edgecls.cli.main import program
from edgecls.training.fitting.augment import PRESETS
from edgecls.training.fitting.search import BATCH_SIZES, RANGES
from edgecls.training.settings import Training

PAGE = (ROOT / "docs" / "how-to" / "train.md").read_text("utf-8")


def table(heading):
    """First cell -> the others, of the first table under `heading`."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows[2:]}


def options():
    """Of the panel of the help: names -> default."""
    command = typer.main.get_command(program()).commands["convert"]
    return {
        ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts)): each.default
        for each in command.params
        if getattr(each, "rich_help_panel", None) == TRAINING
    }


def test_every_option_is_on_the_page_with_its_default():
    rows = table("Options")
    assert list(rows) == list(options())
    for names, default in options().items():
        told = rows[names][0].split(";")[0].strip("`")
        if isinstance(default, bool):
            assert told == ("on" if default else "off")
        elif default is not None:
            assert (told if isinstance(default, str) else float(told)) == default


def test_the_command_has_the_defaults_of_the_library():
    defaults = {names.split(",")[0].strip("`-").replace("-", "_"): default for names, default in options().items()}
    defaults["augmentation"] = defaults.pop("augment")
    del defaults["resume"]
    assert Training(**defaults) == Training()


def test_the_presets():
    rows = table("Views, and what is kept of them")
    assert [name.strip("`") for name in rows] == list(PRESETS)
    for name, how in PRESETS.items():
        told = rows[f"`{name}`"]
        assert [cell != "" for cell in told[:3]] == [how.mirror, how.flip, how.turn]
        assert float(told[3].removesuffix("°") or 0) == how.tilt
        shares = [float(cell.removesuffix(" %") or 0) / 100 for cell in told[4:8]]
        assert shares == [how.zoom, how.shift, how.light, how.contrast]


def test_what_is_searched():
    said = " ".join(PAGE.split("## Search")[1].split("## ")[0].split())
    for name, (low, high) in RANGES.items():
        least, most = (re.sub(r"\.?0+$", "", f"{value:.5f}") or "0" for value in (low, high))
        assert f"{name.replace('_', ' ')} ({least} to {most})" in said
    assert "batch size ({}, {} or {})".format(*BATCH_SIZES) in said
