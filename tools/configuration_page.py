"""Print the tables of docs/reference/configuration.md from the settings models; with --write, write them there.

--write also writes systemd/edgecls.toml, the example configuration. A test checks that both files are up to date.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from edgecls.device.configuration.config import Config
from edgecls.device.configuration.problems import models_of, tag_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "configuration.md"
EXAMPLE = ROOT / "systemd" / "edgecls.toml"
MARK = "<!-- From here on written by tools/configuration_page.py -->\n"
INSTALLED = {"database": "/var/lib/edgecls/results.db", "source.path": "/var/lib/edgecls/inbox"}
"""Settings that have a value in the example, because `edgecls service install` makes these paths."""

UNITS = {"seconds": "s", "ms": "ms", "minutes": "min", "days": "days", "bytes": "bytes", "pixels": "pixels"}
"""The last word of the name of a setting, or else a word of its description -> its unit."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `kind` describes its values; `default` and `sample`, for one without a default, are TOML."""

    name: str
    kind: str
    default: str | None
    unit: str
    description: str
    required: bool
    sample: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the configuration. `tag` is its `type` if it is one of several kinds; `name` is "" at the top."""

    name: str
    tag: str | None
    description: str
    required: bool
    settings: tuple[Setting, ...]


def sections(model: type[BaseModel] = Config) -> list[Section]:
    """Return all tables, the top level first."""
    return list(_sections("", model, (model.__doc__ or "").strip(), required=True))


def _sections(name: str, model: type[BaseModel], description: str, *, required: bool) -> Iterator[Section]:
    plain = {key: field for key, field in model.model_fields.items() if not models_of(field.annotation)}
    settings = tuple(_setting(key, field) for key, field in plain.items())
    yield Section(name, tag_of(model), description, required, settings)
    for key, field in model.model_fields.items():
        below = models_of(field.annotation)
        inner, is_required = f"{name}.{key}".lstrip("."), required and field.is_required()
        if len(below) == 1:
            text = field.description or (below[0].__doc__ or "").strip()
            yield from _sections(inner, below[0], text, required=is_required)
        else:
            yield from _kinds(inner, below, required=is_required)


def _kinds(name: str, models: list[type[BaseModel]], *, required: bool) -> Iterator[Section]:
    """Yield the kinds of a section, then the sections below them: one that several kinds share comes once."""
    shared: dict[Section, list[str]] = {}
    for model in models:
        head, *inner = _sections(name, model, (model.__doc__ or "").strip(), required=required)
        yield head
        for section in inner:
            shared.setdefault(section, []).append(f'"{head.tag}"')
    for section, tags in shared.items():
        of = f" For type {', '.join(tags)}." if all(tag != '"None"' for tag in tags) else ""
        yield replace(section, description=f"{section.description}{of}")


def _setting(name: str, field: FieldInfo) -> Setting:
    has_default = field.default is not PydanticUndefined and field.default is not None
    return Setting(
        name,
        " ".join([_kind(field.annotation), *_bounds(field.metadata)]),
        toml(field.default) if has_default else None,
        _unit(name, field.description or ""),
        field.description or ("The type of the source." if name == "type" else ""),
        field.is_required(),
        toml(field.examples[0]) if field.examples else None,
    )


def _unit(name: str, description: str) -> str:
    words = description.replace(",", " ").replace(";", " ").replace(".", " ").split()
    return next((UNITS[word] for word in (name.rpartition("_")[2], *words) if word in UNITS), "")


_WORDS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    datetime: "date and time",
}
_BOUNDS = {annotated_types.Gt: ("gt", ">"), annotated_types.Ge: ("ge", ">="), annotated_types.Lt: ("lt", "<"),
           annotated_types.Le: ("le", "<=")}  # fmt: skip


def _kind(annotation: Any) -> str:
    """Describe the values that a setting takes."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join([_kind(arguments[0]), *_bounds(arguments[1:])])
    if origin is Literal:
        return " or ".join(f"`{toml(each)}`" for each in arguments)
    if origin in {tuple, list}:
        several = origin is list or arguments[-1] is Ellipsis
        return f"list of {_kind(arguments[0])}" if several else f"list of {len(arguments)}: {_kind(arguments[0])}"
    if arguments:
        return " or ".join(_kind(each) for each in arguments if each is not NoneType)
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _bounds(metadata: Sequence[Any]) -> Iterator[str]:
    for constraint in metadata:
        if isinstance(constraint, FieldInfo):  # Annotated[int, Field(ge=1)] within a union
            yield from _bounds(constraint.metadata)
        for kind, (attribute, sign) in _BOUNDS.items():
            if isinstance(constraint, kind):
                yield f"{sign} {getattr(constraint, attribute):g}"


def toml(value: Any) -> str:
    """Return a value as TOML. For strings, numbers, booleans, and lists of them, TOML and JSON are the same."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def example(model: type[BaseModel] = Config, values: Mapping[str, str] | None = None) -> str:
    """Return a configuration with every setting. Those in `values` ("source.path" -> text) are set, others commented out.

    A line of text begins with "# ", a setting that is commented out with "#". A setting without a default has no value
    either, so that uncommenting it alone sets nothing; the text above it shows a plausible value.
    """
    values = INSTALLED if values is None else values
    lines = [
        "# Configuration of edgecls. Each setting is shown with its default, commented out, or empty if it has none.",
        "# `edgecls run --check --config FILE` checks the file; `systemctl reload edgecls` applies it.",
    ]
    seen: set[str] = set()
    for section in sections(model):
        off = "#" if not section.required or section.name in seen else ""
        lines += ["", *_head(section, off, again=section.name in seen)]
        seen.add(section.name)
        for setting in section.settings:
            lines += _example_lines(section, setting, off, values)
    return "\n".join(lines) + "\n"


def _head(section: Section, off: str, *, again: bool) -> list[str]:
    if not section.name:
        return []
    return [f"# {'Or: ' * again}{section.description}", f"{off}[{section.name}]"]


def _example_lines(section: Section, setting: Setting, off: str, values: Mapping[str, str]) -> list[str]:
    name = f"{section.name}.{setting.name}".lstrip(".")
    unit = f" [{setting.unit}]" if setting.unit else ""
    has_value = setting.default is not None or (name in values and not off)
    sample = f" For example: {setting.sample}" if setting.sample and not has_value else ""
    comment = [f"# {setting.description}{unit}{sample}"] if setting.description else []
    if name in values and not off:
        return [*comment, f"{setting.name} = {toml(values[name])}"]
    return [*comment, f"#{setting.name} = {setting.default or ''}".rstrip()]


def markdown(model: type[BaseModel] = Config) -> str:
    """Return the reference of all settings: a table for each section."""
    parts = []
    for section in sections(model):
        title = f"`[{section.name}]`" if section.name else "At the top"
        tag = f', `type = "{section.tag}"`' if section.tag else ""
        head = f"## {title}{tag}\n\n{section.description}\n\n| setting | takes | default | unit | |\n|{' --- |' * 5}"
        parts.append("\n".join([head, *map(_row, section.settings)]))
    return "\n\n".join(parts)


def _row(setting: Setting) -> str:
    default = "**required**" if setting.required else f"`{setting.default}`" if setting.default else ""
    cells = (f"`{setting.name}`", setting.kind, default, setting.unit, setting.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write() -> None:
    """Bring both files up to date."""
    head = PAGE.read_text("utf-8").partition(MARK)[0]
    PAGE.write_text(f"{head}{MARK}\n{markdown()}\n", "utf-8")
    EXAMPLE.write_text(example(), "utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    else:
        print(markdown())
