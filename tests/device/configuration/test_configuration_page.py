"""The page and the example are the code's."""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveFloat
from settings_reference import EXAMPLE, PAGE, example, markdown, sections

from edgecls.device.configuration.config import Config, parse_config
from edgecls.device.configuration.settings import RetentionSettings, Settings
from edgecls.errors import BadConfig
from edgecls.service.files import example_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_the_page_is_current():
    assert PAGE.read_text("utf-8").endswith(f"{markdown()}\n"), "run tools/configuration_page.py --write"


def test_the_example_is_current():
    assert EXAMPLE.read_text("utf-8") == example(), "run tools/configuration_page.py --write"


def test_every_setting_is_on_the_page_and_says_what_it_is():
    found = [(section, setting) for section in sections() for setting in section.settings]
    assert {setting.name for section, setting in found if not section.name} == set(Config.model_fields) - {
        "source", "vote", "saved_frames", "retention"
    }  # fmt: skip
    assert all(setting.description and setting.kind for _, setting in found)
    assert all(f"| `{setting.name}` |" in markdown() for _, setting in found)


@pytest.mark.parametrize("name", [None, "gate"])
def test_the_example_is_a_configuration(name, tmp_path):
    config = parse_config(example_config(name).encode(), tmp_path / "edgecls.toml")
    state = Path("/var/lib/edgecls", name or "")
    assert (config.database, config.source.path) == (state / "results.db", state / "inbox")
    assert config.model_copy(update={"database": Path(), "source": None}) == Config(
        database=Path(), source={"path": "x"}
    ).model_copy(update={"source": None})


def switched_on(text, *, samples):
    """The text without the # of settings and sections; with `samples`, empty settings have the value told above them."""
    text = re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)
    return re.sub(r"^(#.* For example: (.*)\n[\w.]+ =)$", r"\1 \2", text, flags=re.MULTILINE) if samples else text


@pytest.mark.parametrize("samples", [True, False])
def test_every_setting_of_the_example_can_be_switched_on(tmp_path, samples):
    """Section by section; of the kinds of one section, each by itself. Nothing is in force that was not written."""
    blocks = [switched_on(block, samples=samples) for block in example_config(None).split("\n\n")]
    names = [(re.findall(r"^\[(.*)\]$", block, re.MULTILINE) or [""])[0] for block in blocks]
    top = "\n".join(block for name, block in zip(names, blocks, strict=True) if not name)
    source = first = blocks[names.index("source")]
    for name, block in zip(names, blocks, strict=True):
        if name == "source":
            source, text = block, f"{top}\n{block}"
        else:
            text = f"{top}\n{source if name.startswith('source.') else first}\n{block if name else ''}"
        empty = re.findall(r"^(\w+) =$", text, re.MULTILINE)
        if samples:
            parse_config(text.encode(), tmp_path / "edgecls.toml")
            assert not empty
        else:
            with pytest.raises(BadConfig, match=rf": {empty[0]} has no value: write one, or comment"):
                parse_config(text.encode(), tmp_path / "edgecls.toml")
            left_out = re.sub(r"^\w+ =$", "", text, flags=re.MULTILINE)
            if "type" not in text or 'type = "folder"' in text:
                config = parse_config(left_out.encode(), tmp_path / "edgecls.toml")
                assert (config.retention, config.saved_frames.max_days) == (RetentionSettings(), None)


class Dog(Settings):
    """It barks."""

    type: Literal["dog"] = "dog"
    barks: tuple[float, float] = Field((0.5, 1.0), description="Between two, in seconds.")


class Cat(Settings):
    """It does not."""

    type: Literal["cat"] = "cat"
    food: Annotated[int, Field(ge=1, le=9)] | None = Field(None, examples=[3], description="A | B.")


class House(Settings):
    """A house."""

    pet: Annotated[Dog | Cat, Field(discriminator="type")]
    name: str = Field(description="On the door.")
    heat: Settings = Field(Settings(), description="Warmth.")
    shed: "Shed | None" = Field(None, description="Behind it.")


class Shed(Settings):
    """A shed."""

    keep_seconds: PositiveFloat = Field(1.5, description="So long.")


House.model_rebuild()


def test_sections_of_several_kinds_and_such_as_may_be_left_out():
    assert [(s.name, s.tag, s.description, s.required) for s in sections(House)] == [
        ("", None, "A house.", True),
        ("pet", "dog", "It barks.", True),
        ("pet", "cat", "It does not.", True),
        ("heat", None, "Warmth.", False),
        ("shed", None, "Behind it.", False),
    ]
    text = example(House, {"name": 'a "b"', "pet.type": "dog"})
    assert tomllib.loads(text) == {"name": 'a "b"', "pet": {"type": "dog"}}
    assert (
        '# Or: It does not.\n#[pet]\n# The type of the source.\n#type = "cat"\n# A | B. For example: 3\n#food =\n'
        in text
    )
    assert "# Behind it.\n#[shed]\n# So long. [s]\n#keep_seconds = 1.5\n" in text
    page = markdown(House)
    assert "| `barks` | list of 2: number | `[0.5, 1.0]` | s | Between two, in seconds. |" in page
    assert "| `food` | whole number >= 1 <= 9 |  |  | A \\| B. |" in page
    assert "| `name` | text | **required** |  | On the door. |" in page
