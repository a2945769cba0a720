"""Against the real parser: the same places, on the lines where they were written."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from edgecls.device.configuration.toml_lines import line_numbers

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def places(value, place=()):
    """Of everything that the parser found."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*place, key))


ODD = st.text(st.sampled_from("ab#[]{}=,.'\" \\\n\t\u00e9\U0001f408"), max_size=6)
SCALARS = st.sampled_from(["1", "-0.5e3", "true", "inf", "1979-05-27 07:32:00", "1979-05-27T07:32:00Z", "0x1F"])


def basic(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def multi_line(text):
    return '"""\n' + text.replace("\\", "\\\\").replace('"""', '""\\"') + '\\"\n# no comment\n[no.table]\n""""'


def literal(text):
    return "'" + text.replace("'", "").replace("\n", "") + "'"


def multi_line_literal(text):
    return "'''" + text.replace("'", "") + "\nk = 1 # no key\n''\n'''"


STRINGS = st.builds(
    lambda kind, text: kind(text), st.sampled_from([basic, multi_line, literal, multi_line_literal]), ODD
)
SPACE = st.sampled_from(["", " ", "\n", ' # ] } "\n  ', "\r\n\t"])


@st.composite
def arrays(draw, elements):
    parts = [draw(SPACE) + draw(elements) + draw(SPACE) for _ in range(draw(st.integers(0, 3)))]
    return "[" + ",".join(parts) + draw(st.sampled_from(["", ","]) if parts else st.just("")) + draw(SPACE) + "]"


@st.composite
def keys(draw, number):
    """A key of one to three parts that no other has."""
    first = draw(st.sampled_from(["k{}", '"k{}"', "'k{}'", '"\\u006b{}"', '"a.b = [{}"', "'#{}'"])).format(number)
    rest = draw(st.lists(st.sampled_from(["x", '"y z"', "'.'"]), max_size=2, unique=True))
    return draw(st.sampled_from([".", " . "])).join([first, *rest])


@st.composite
def inline_tables(draw, values):
    pairs = [f"{draw(keys(n))} = {draw(values)}" for n in range(draw(st.integers(0, 3)))]
    return "{ " + ", ".join(pairs) + " }"


VALUES = st.recursive(SCALARS | STRINGS, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=6)


@st.composite
def documents(draw):
    """A text, and the lines on which its statements begin, with a place for each."""
    text, expected, table, counts = "", {}, (), {}
    for n in range(draw(st.integers(0, 8))):
        text += draw(st.sampled_from(["", "\n", "# [c] = 1\n", "  \t\n\n"]))
        kind = draw(st.sampled_from(["pair", "pair", "table", "array"]))
        line = text.count("\n") + 1
        if kind == "pair":
            key = draw(keys(n))
            text += f"{key} = {draw(VALUES)}{draw(st.sampled_from(['', ' # [x]']))}\n"
            first = next(iter(tomllib.loads(f"{key} = 1")))
            expected[(*table, first)] = line
        elif kind == "table":
            table = (f"t{n}", "a b")
            text += f'[ t{n} . "a b" ]\n'
            expected[table] = line
        else:
            name = draw(st.sampled_from(["r", "s"]))
            counts[name] = counts.get(name, -1) + 1
            table = (name, counts[name])
            text += f"[[{name}]] # ]]\n"
            expected[table] = line
    return text, expected


@given(documents())
def test_the_same_places_as_the_parser_on_the_lines_where_they_were_written(made):
    text, expected = made
    found = line_numbers(text)
    assert set(found) == set(places(tomllib.loads(text)))
    assert {place: found[place] for place in expected} == expected
    assert all(found[place[:-1]] <= line for place, line in found.items() if place)


def test_lines_within_a_value_and_below_arrays_of_tables():
    text = 'a = [\n  1, # one\n  {x = 2,\ty.z = [\n3]},\n]\n[[b]]\n[b.c]\nd."e.f" = 1\n[[b]]\n[b.c]\n'
    found = line_numbers(text)
    assert found["a", 0], found["a", 1, "y", "z", 0] == (2, 4)
    assert (found["a", 1, "x"], found["a", 1, "y"]) == (3, 3)
    assert (found["b", 0, "c", "d", "e.f"], found["b", 1], found["b", 1, "c"]) == (8, 9, 10)
