"""Every setting, from the pydantic models themselves: for docs/reference/configuration.md and for the example configuration."""

import json
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

UNITS = {"seconds": "s", "ms": "ms", "minutes": "min", "days": "days", "bytes": "bytes", "pixels": "pixels"}
"""By the last word of a setting's name, or else by a word of its description."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `kind` is what it takes, in words; `default` is TOML, None where there is none to write."""

    name: str
    kind: str
    default: str | None
    unit: str
    description: str
    required: bool
    sample: str | None
    """a plausible value, as TOML, of a setting without a default"""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the configuration; `tag` is its `type` where it is one of several kinds, `name` "" at the top."""

    name: str
    tag: str | None
    description: str
    required: bool
    settings: tuple[Setting, ...]


def sections(model: type[BaseModel] = Config) -> list[Section]:
    """All tables, the top first."""
    return list(_sections("", model, (model.__doc__ or "").strip(), required=True))


def _sections(name: str, model: type[BaseModel], description: str, *, required: bool) -> Iterator[Section]:
    plain = {key: field for key, field in model.model_fields.items() if not models_of(field.annotation)}
    in_order = sorted(plain.items(), key=lambda item: item[0] != "type")  # which an inheriting class has at its end
    settings = tuple(_setting(key, field) for key, field in in_order)
    yield Section(name, tag_of(model), description, required, settings)
    for key, field in model.model_fields.items():
        below = models_of(field.annotation)
        inner, is_required = f"{name}.{key}".lstrip("."), required and field.is_required()
        if len(below) == 1:
            said = field.description or (below[0].__doc__ or "").strip()
            yield from _sections(inner, below[0], said, required=is_required)
        else:
            yield from _kinds(inner, below, required=is_required)


def _kinds(name: str, models: list[type[BaseModel]], *, required: bool) -> Iterator[Section]:
    """The kinds of a section, then once each what several of them have below."""
    shared: dict[Section, list[str]] = {}
    for model in models:
        head, *inner = _sections(name, model, (model.__doc__ or "").strip(), required=required)
        yield head
        for section in inner:
            shared.setdefault(section, []).append(f'"{head.tag}"')
    for section, tags in shared.items():
        of = f" Of type {', '.join(tags)}." if all(tag != '"None"' for tag in tags) else ""
        yield replace(section, description=f"{section.description}{of}")


def _setting(name: str, field: FieldInfo) -> Setting:
    has_default = field.default is not PydanticUndefined and field.default is not None
    return Setting(
        name,
        " ".join([_kind(field.annotation), *_bounds(field.metadata)]),
        toml(field.default) if has_default else None,
        _unit(name, field.description or ""),
        field.description or ("The kind of this section." if name == "type" else ""),
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
    """What a value may be, in words."""
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
    """A value as TOML writes it: JSON does, for texts, numbers, true, false, and lists of those."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def example(model: type[BaseModel] = Config, values: Mapping[str, str] | None = None) -> str:
    """A configuration in which every setting stands: `values` ("source.path" -> text) as given, all others behind a #.

    A line of text begins with "# ", a setting that is switched off with "#". What has no default has no value either,
    so that no made-up one is in force when the # goes; the text above it shows a plausible one.
    """
    values = values or {}
    lines = [
        "# Configuration of edgecls: every setting, with its default behind a #. One without a default is empty: it is off.",
        "# `edgecls run --check --config FILE` says whether it is right; `systemctl reload` has the daemon read it.",
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
    """A table a section."""
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
