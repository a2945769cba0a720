"""What is wrong with a configuration, for people: a line each, with the place in the file and what to do about it."""

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
        return f"there is no such setting: {_remedy(problem['loc'], model)}"
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
        return str(context.get("error") or problem["msg"])
    if kind == "string_pattern_mismatch":
        return f"{_FORMS[str(problem['loc'][-1])]}, and is {_shown(given)}: change it"
    demand = next((demand for part, demand in _DEMANDS.items() if part in kind), None)
    demand = demand or re.sub(r"^\w+ (should|must) ", "must ", _CLASS.sub("", problem["msg"]))
    return f"{demand}{'' if isinstance(given, (dict, list)) else f', and is {_shown(given)}'}: change it"


_FORMS = {
    "name": "must be 1 to 64 letters, digits, blanks, '.', '_' or '-', and begin with no blank",
    "pixel_format": "must be four characters, such as YUYV",
}
"""A setting with a pattern -> what it asks for, in words."""

_DEMANDS = {
    "bool": "must be true or false",
    "int_": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a finite number",
    "string_type": "must be a text in quotes",
    "path": "must be a path in quotes",
    "tuple": "must be a list in brackets",
    "list": "must be a list in brackets",
}
"""A part of a kind of pydantic's errors -> what it means in a TOML file."""


def _shown(value: Any) -> str:
    """Return a wrong value as the message shows it: an address may have come into the wrong line, with its password."""
    return show_address(value) if isinstance(value, str) and looks_like_address(value) else repr(value)


def _quoted(context: dict[str, Any]) -> list[str]:
    """The names in pydantic's "'a', 'b' or 'c'"."""
    return str(context.get("expected", context.get("expected_tags", ""))).split("'")[1::2]


def _remedy(loc: Place, model: type[BaseModel]) -> str:
    """What to do about a setting that is not there: the name that was meant, where it belongs, or the names there are."""
    wrong, names, places = str(loc[-1]), _settings_beside(loc, model), _places("", model)
    if wrong not in places and (suggestion := _suggest(wrong, names)):
        return suggestion
    if _plain(wrong).removesuffix("s") in _IN_THE_MODEL:
        return "the model file carries its thresholds, see --min-precision of edgecls convert"
    if meant := _nearest(wrong, places):
        return f"{meant!r} belongs {_in_words(places[meant])}"
    return f"here are {', '.join(names)}"


_IN_THE_MODEL = {"threshold", "min_score", "confidence", "score"}


def _places(section: str, model: type[BaseModel]) -> dict[str, dict[str, list[str]]]:
    """Name of a setting of `model` or a section in it -> sections that have it -> their types ([]: of one kind only)."""
    found: dict[str, dict[str, list[str]]] = {}
    tag = tag_of(model)
    for name, field in model.model_fields.items():
        below = models_of(field.annotation)
        inner = {name: {section: [tag] if tag else []}} if not below and name != "type" else {}
        for places in [inner, *(_places(f"{section}.{name}".lstrip("."), each) for each in below)]:
            for setting, sections in places.items():
                for place, tags in sections.items():
                    found.setdefault(setting, {}).setdefault(place, []).extend(tags)
    return found


def _in_words(sections: dict[str, list[str]]) -> str:
    places = []
    for section, tags in sections.items():
        *others, last = dict.fromkeys(tags) or [""]
        kinds = f" of type {', '.join(others)}{' or ' * bool(others)}{last}" if tags else ""
        places.append(f"in [{section}]{kinds}" if section else "at the top of the file")
    return " or ".join(places)


def _suggest(wrong: Any, names: Iterable[str]) -> str:
    meant = _nearest(str(wrong), names)
    return f"did you mean {meant!r}?" if meant else ""


def _nearest(wrong: str, names: Iterable[str]) -> str | None:
    """Return the name that was meant: a few slips away, or the only one that begins with the same words."""
    name, names = _plain(wrong), list(names)
    slips = {each: _slips(name, _plain(each)) for each in names}
    nearest = min(names, key=lambda each: slips[each], default=None)
    if nearest is not None and slips[nearest] <= min(2, len(name) // 3):
        return nearest
    alike = [each for each in names if each.startswith(f"{name}_") or name.startswith(f"{each}_")]
    return alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def _slips(one: str, other: str) -> int:
    """Count the slips of the finger from one text to the other: a letter too many, missing, wrong, or two exchanged.

    The optimal string alignment distance, by dynamic programming over prefixes.
    """
    before: list[int] = []
    above = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


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
