"""Messages about a wrong configuration: one line for each problem, with the setting, what is wrong, and what to do."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from edgecls.addresses import looks_like_address, show_address

_OF_SETTING = "of_setting"
_Place = tuple[str | int, ...]
"""The keys down to a value, and the indices within lists."""


def explain(error: ValidationError, model: type[BaseModel], document: Any, path: Path) -> list[str]:
    """Return a message such as `FILE: section.name must be greater than 0, not -1` for each problem.

    They are in the order of the file, whatever the order in which this version of pydantic reports them. `document` is the
    parsed content of the file at `path`, which `model` rejected.
    """
    messages: dict[_Place, str] = {}
    for problem in error.errors(include_url=False):
        place = _place(problem, document)
        # If a value may have several types, each of them reports a problem: the first will do.
        messages.setdefault(place, f"{path}: {_message(problem, place, model)}")
    return [messages[place] for place in sorted(messages, key=lambda place: _position(place, document))]


def _position(place: _Place, document: Any) -> list[int]:
    """Return the position of a value in the document, key by key. A missing one comes after those that are there."""
    position: list[int] = []
    for part in place:
        keys: list[str | int] = []
        if isinstance(document, dict):
            keys = list(document)
        elif isinstance(document, list):
            keys = list(range(len(document)))
        position.append(keys.index(part) if part in keys else len(keys))
        document = document[part] if part in keys else {}
    return position


def setting_error(name: str, message: str) -> PydanticCustomError:
    """Return an error about one setting, for a validator of its section to raise. `message` follows the name."""
    return PydanticCustomError(_OF_SETTING, "{message}", {"setting": name, "message": message})


def _place(problem: ErrorDetails, document: Any) -> _Place:
    """Return where the problem is in the document, without the tags that pydantic inserts for members of a union."""
    kind, loc, context = problem["type"], problem["loc"], problem.get("ctx", {})
    if kind == "union_tag_invalid":  # pydantic names the section, not the tag in it
        loc = (*loc, context["discriminator"].strip("'"))
    if kind == _OF_SETTING:
        loc = (*loc, context["setting"])
    place: list[str | int] = []
    for n, part in enumerate(loc):
        is_index = isinstance(document, list) and isinstance(part, int)
        is_there = is_index or (isinstance(document, dict) and part in document)
        if is_there:
            document = document[part]
        if is_there or (n == len(loc) - 1 and kind in {"missing", "union_tag_invalid", _OF_SETTING}):
            place.append(part)
    return tuple(place)


def _message(problem: ErrorDetails, place: _Place, model: type[BaseModel]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    name = ".".join("..." if looks_like_address(str(part)) else str(part) for part in place)
    if kind == "extra_forbidden":
        return f"unknown setting {name!r} ({_hint(problem['loc'], model)})"
    if kind == "missing":
        return f"{name} is required: add it"
    if kind in {"model_type", "model_attributes_type"}:
        return f"{name} must be a section: write [{name}] on a line of its own, and its settings below"
    if kind == _OF_SETTING:
        return f"{name} {context['message']}"
    if kind == "value_error":  # raised by one of our validators
        message = str(context.get("error") or problem["msg"])
        return f"{name}{' ' if message.startswith('must') else ': ' * bool(name)}{message}"
    return f"{name} {_requirement(problem)}"


def _requirement(problem: ErrorDetails) -> str:
    """Return what a value must be, and what it is instead."""
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    hint = ""
    if kind in {"literal_error", "union_tag_invalid"}:
        value = context.get("tag", value)
        allowed = str(context.get("expected") or context["expected_tags"])
        requirement, hint = f"must be {allowed}", _did_you_mean(str(value), allowed.split("'")[1::2])
    elif kind == "string_pattern_mismatch":
        requirement = _PATTERNS[str(problem["loc"][-1])]
    else:
        requirement = next((text for part, text in _TYPES.items() if part in kind), "")
        requirement = requirement or re.sub(r"^\w+ (should|must) |( for <class.*)", "", problem["msg"])
        requirement = f"must {requirement}"
    if not isinstance(value, (dict, list)):
        is_address = isinstance(value, str) and looks_like_address(value)  # which may contain a password
        requirement += f", not {show_address(value) if is_address else _as_toml(value)}"
    return f"{requirement} ({hint})" if hint else requirement


_PATTERNS = {
    "name": "must be 1 to 64 letters, digits, spaces, '.', '_' or '-', and must not begin with a space",
    "pixel_format": "must be four characters, such as YUYV",
}
"""The meaning of the pattern of a setting."""

_TYPES = {
    "bool": "be true or false",
    "int_": "be a whole number",
    "float": "be a number",
    "finite": "be a finite number",
    "string_type": "be a string in quotes",
    "path": "be a path in quotes",
    "tuple": "be a list in brackets",
    "list": "be a list in brackets",
}
"""A part of the name of a pydantic error -> its meaning in a TOML file."""


def _as_toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _hint(loc: _Place, model: type[BaseModel]) -> str:
    """Return a hint about an unknown setting: the likely name, its section, or the known names."""
    wrong, names, sections = str(loc[-1]), _names_beside(loc, model), _sections("", model)
    if wrong not in sections and (hint := _did_you_mean(wrong, names)):
        return hint
    if _plain(wrong).removesuffix("s") in {"threshold", "min_score", "confidence", "score"}:
        return "thresholds are stored in the model file: see `edgecls convert --min-precision`"
    if nearest := _nearest(wrong, sections):
        return f"{nearest!r} belongs {' or '.join(sections[nearest])}"
    return f"known: {', '.join(names)}"


def _sections(section: str, model: type[BaseModel]) -> dict[str, list[str]]:
    """Return the name of each setting below `model` -> the sections that have it, such as "in [source] of type video"."""
    where = f"in [{section}]" if section else "at the top of the file"
    if tag := tag_of(model):
        where += f" of type {tag}"
    sections: dict[str, list[str]] = {}
    for name, field in model.model_fields.items():
        inner = models_of(field.annotation)
        for each in inner:
            for setting, places in _sections(f"{section}.{name}".lstrip("."), each).items():
                known = sections.setdefault(setting, [])
                known += [place for place in places if place not in known]
        if not inner and name != "type":
            sections.setdefault(name, []).append(where)
    return sections


def _names_beside(loc: _Place, model: type[BaseModel]) -> list[str]:
    """Return the names that are allowed in the section of `loc`."""
    for part in loc[:-1]:
        models = models_of(model.model_fields[str(part)].annotation) if part in model.model_fields else []
        tagged = [each for each in models if tag_of(each) in loc]
        if models:
            model = (tagged or models)[0]
    return list(model.model_fields)


def _did_you_mean(wrong: str, names: Iterable[str]) -> str:
    nearest = _nearest(wrong, names)
    return f"did you mean {nearest!r}?" if nearest else ""


def _nearest(wrong: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant: a similar one, or the only one that begins with the same words."""
    plain, names = _plain(wrong), list(names)
    if close := get_close_matches(plain, names, 1, cutoff=0.8):
        return close[0]
    alike = [each for each in names if each.startswith(f"{plain}_") or plain.startswith(f"{each}_")]
    return alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections that an annotation allows: itself, or the members of a union or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_of(argument)]


def tag_of(model: type[BaseModel]) -> str | None:
    """Return the `type` of a section that is one of several kinds, or None."""
    field = model.model_fields.get("type")
    return None if field is None or field.default is None else str(field.default)
