"""What is wrong with a configuration, for people: a line each, with the place in the file and what to do about it."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from edgecls.addresses import looks_like_address, show_address
from edgecls.device.configuration.toml_lines import Place, line_numbers

_OF_SETTING = "of_setting"
_CLASS = re.compile(r" for <class '[^']*'>")
"""How pydantic ends some messages, with a name that differs between versions of Python."""


def explain(error: ValidationError, model: type[BaseModel], document: Any, text: str, path: Path) -> list[str]:
    """`FILE:LINE: section.name: what is wrong: what to do`, in the order of the lines.

    `document` is what the parser made of `text`, the content of `path`; `model` is what refused it.
    """
    lines = line_numbers(text)
    found, seen = [], set()
    for problem in error.errors(include_url=False):
        place = _place(problem, document)
        if place in seen:  # of a value that may be of several types, each type complains
            continue
        seen.add(place)
        line = next(lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines)
        name = ".".join("..." if looks_like_address(str(part)) else str(part) for part in place)
        found.append((line, f"{path}:{line}: {f'{name}: ' * bool(name)}{_what(problem, model)}"))
    return [message for _, message in sorted(found)]


def of_setting(name: str, what: str) -> PydanticCustomError:
    """For a validator of a whole section to raise: what is wrong with one setting in it."""
    return PydanticCustomError(_OF_SETTING, "{what}", {"setting": name, "what": what})


def _place(problem: ErrorDetails, document: Any) -> Place:
    kind, loc, context = problem["type"], problem["loc"], problem.get("ctx", {})
    if kind == "union_tag_invalid":  # pydantic names the section, not the tag in it
        loc = (*loc, context["discriminator"].strip("'"))
    if kind == _OF_SETTING:
        loc = (*loc, context["setting"])
    return _in_document(loc, document, may_lack_last=kind in {"missing", "union_tag_invalid", _OF_SETTING})


def _in_document(loc: Place, document: Any, *, may_lack_last: bool) -> Place:
    """`loc` without the tags that pydantic puts in for the members of a union."""
    place: list[str | int] = []
    for n, part in enumerate(loc):
        is_index = isinstance(document, list) and isinstance(part, int)
        is_there = is_index or (isinstance(document, dict) and part in document)
        if is_there:
            document = document[part]
        if is_there or (may_lack_last and n == len(loc) - 1):
            place.append(part)
    return tuple(place)


def _what(problem: ErrorDetails, model: type[BaseModel]) -> str:
    kind, given, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        names = _settings_beside(problem["loc"], model)
        return f"there is no such setting: {_suggest(str(problem['loc'][-1]), names) or 'here are ' + ', '.join(names)}"
    if kind == "missing":
        return "is missing: add it"
    if kind == "literal_error":
        return f"{_shown(given)} is none of {context['expected']}: {_suggest(given, _quoted(context)) or 'choose one'}"
    if kind == "union_tag_invalid":
        expected, tag = context["expected_tags"], context["tag"]
        return f"no type is called {_shown(tag)}: {_suggest(tag, _quoted(context)) or 'choose from ' + expected}"
    if kind in {"model_type", "model_attributes_type"}:
        return "is a section and not a value: write [SECTION] on a line, and its settings below"
    if kind == _OF_SETTING:
        return str(context["what"])
    if kind == "value_error":  # of a validator of ours, which says what to do
        return problem["msg"].removeprefix("Value error, ")
    said = _CLASS.sub("", problem["msg"])
    is_section = isinstance(given, (dict, list))
    return f"{said[:1].lower()}{said[1:]}{'' if is_section else f', and is {_shown(given)}'}: change it"


def _shown(value: Any) -> str:
    """Return a wrong value as the message shows it: an address may have come into the wrong line, with its password."""
    return show_address(value) if isinstance(value, str) and looks_like_address(value) else repr(value)


def _quoted(context: dict[str, Any]) -> list[str]:
    """The names in pydantic's "'a', 'b' or 'c'"."""
    return str(context.get("expected", context.get("expected_tags", ""))).split("'")[1::2]


def _suggest(wrong: Any, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(wrong).lower(), names, n=1, cutoff=0.7)
    return f"did you mean {near[0]!r}?" if near else ""


def _settings_beside(loc: Place, model: type[BaseModel]) -> list[str]:
    """The names that could stand where `loc` is, in the section it is in."""
    for part in loc[:-1]:
        models = models_of(model.model_fields[str(part)].annotation) if part in model.model_fields else []
        tagged = [each for each in models if tag_of(each) in loc]
        if models:
            model = (tagged or models)[0]
    return list(model.model_fields)


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """The sections that an annotation allows: itself, or the members of a union or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_of(argument)]


def tag_of(model: type[BaseModel]) -> str | None:
    """`type` of a section that is one of several kinds."""
    field = model.model_fields.get("type")
    return None if field is None or field.default is None else str(field.default)
