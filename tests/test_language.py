"""The project's language: plain English, the field's words, and a name for one thing only. See GLOSSARY.md."""

import ast
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest
from paths import ROOT

PACKAGE = ROOT / "edgecls"

VAGUE_NAMES = {"found", "told", "said", "made", "given"}
"""A variable says what it holds."""

PRIVATE_WORDS = (
    r"\bwings?\b",
    r"\banew\b",
    r"\bso many\b",
    r"\bis told\b",
    r"\bof chance\b",
    r"\bwhatever happens\b",
    r"\bwhat came of it\b",
    r"\bnothing beside\b",
    r"\bwhich to choose\b",
    r"\btall(y|ies|ied)\b",
    r"\bput[_ ]away\b",
    r"\bpatiently\b",
    r"\bdoubtful\b",
    r"\bin full\b(?= (?:dressed|worked))",
    r"\bbears? views\b",
    r"\bnext[_ ]model\b",
    r"\bmany[_ ]devices\b",
    r"\bread[_ -]back\b",
    r"\bunder way\b",
    r"\bkeep(s|ing)? house\b",
    r"\bheld out, nears\b",
    r"\bthat is what it is\b",
    r"\bmillionths\b",
)
PRIVATE = re.compile("|".join(PRIVATE_WORDS), re.IGNORECASE)

FRAGMENT = re.compile(
    r"(What|Whether|Of|How|Where|Who|Whom|Which|When|As|With|Without|From|By|For|In|On|At|All|That|Those|These|It|So|"
    r"Not|No|Nothing|Also|Only|Here|There|If|Such|Frames?|Rows?|The|A|An|Each|Every|Both|One|Two|Is|Are|Has|Does)\b"
)
"""First words of a docstring that is a fragment or a statement, where a function's should be an imperative sentence."""


OTHER_ROOMS = ("tools", "tests/support")
"""Code outside the package that is read as much as the package."""


def room_of(path):
    """Return the room of a file in the package, or its folder in OTHER_ROOMS."""
    for room in OTHER_ROOMS:
        if path.is_relative_to(ROOT / room):
            return room
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else "."


CODE_FOLDERS = (PACKAGE, *(ROOT / room for room in OTHER_ROOMS))
FILES = sorted(path for place in CODE_FOLDERS for path in place.rglob("*.py"))
ROOMS = sorted({room_of(path) for path in FILES}) or ["none"]


def in_room(room):
    return [path for path in FILES if room_of(path) == room]


def where(path, line):
    return f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("room", ROOMS)
def test_no_variable_is_called_what_says_nothing(room):
    vague = [
        f"{where(path, node.lineno)} {name}"
        for path in in_room(room)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (name := assigned_name(node)) in VAGUE_NAMES
    ]
    assert not vague, "\n".join(vague)


def assigned_name(node):
    """Return the name of the variable or parameter that `node` introduces; None for any other node."""
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else None


@pytest.mark.parametrize("room", ROOMS)
def test_the_docstring_of_a_function_is_an_imperative_sentence(room):
    fragments = []
    for path in in_room(room):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if any(getattr(each, "id", getattr(each, "attr", "")) in PROPERTIES for each in node.decorator_list):
                continue
            docstring = ast.get_docstring(node)
            if docstring and FRAGMENT.match(docstring):
                fragments.append(f"{where(path, node.lineno)} {docstring.splitlines()[0]}")
    assert not fragments, "\n".join(fragments)


PROPERTIES = {"property", "cached_property"}
"""A property reads like an attribute, and so does its docstring."""


@pytest.mark.parametrize("room", ROOMS)
def test_no_private_words(room):
    private = [
        f"{where(path, token.start[0])} {match[0]}"
        for path in in_room(room)
        for token in tokens(path)
        for match in [PRIVATE.search(token.string)]
        if match
    ]
    assert not private, "\n".join(private)


def tokens(path):
    with path.open("rb") as file:
        return [token for token in tokenize.tokenize(file.readline) if token.type in TEXT]


TEXT = {tokenize.COMMENT, tokenize.STRING, tokenize.NAME, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(path for path in (ROOT / "docs").rglob("*.md") if "experiments" not in path.parts),
        *(PACKAGE / "results" / "web" / "templates").rglob("*.html"),
        *(PACKAGE / "training" / "report" / "templates").rglob("*"),
    }
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_private_words_on_pages(page):
    lines = enumerate(page.read_text("utf-8").splitlines(), 1)
    assert not [f"{number}: {match[0]}" for number, line in lines for match in [PRIVATE.search(line)] if match]


NAMES_OF_COMMANDS = {path.stem for path in (PACKAGE / "cli").glob("*.py")} | {
    "main",
    "run",
    "check",
    "build",
    "open_interpreter",
    "restore",
    "install",
    "uninstall",
    "status",
    "review",
}
"""A command and the function that it calls have one name, and so have the functions behind one interface."""

PROBES = PACKAGE / "doctor" / "probes.py"
"""Its functions have the names of the checks of `doctor` that run them in a child process."""


def definitions(kinds):
    places = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body if path != PROBES else ():
            if isinstance(node, kinds) and not (node.name.startswith("_") and kinds is not ast.ClassDef):
                places[node.name].append(where(path, node.lineno))
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def test_the_name_of_a_class_means_one_thing():
    assert not definitions(ast.ClassDef)


def test_the_name_of_a_function_means_one_thing():
    doubled = definitions((ast.FunctionDef, ast.AsyncFunctionDef))
    assert not {name: places for name, places in doubled.items() if name not in NAMES_OF_COMMANDS}


def test_the_root_is_the_source_tree():
    assert Path(PACKAGE, "version.py").is_file()
