"""Names of classes: one spelling for each, wherever it comes from, and files that list them.

The same name is written in many ways: macOS decomposes letters (`o` and a combining diaeresis for `ö`), spreadsheets
leave trailing blanks, web pages and chat programs insert characters that nobody sees, people change the case. Every
name passes through `clean_label` where it enters; whether two spellings mean one class is decided by `class_key`.
"""

import codecs
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from edgecls.errors import BadData
from edgecls.records import UNKNOWN

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt, Unicode 15), in two parts. These are never shown,
# in any script: soft hyphen, zero-width space, word joiner, byte order mark, direction marks, fillers, ...
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff"
    "\U000e01f0-\U000e0fff"
)
# These change how their neighbours look in some scripts (Persian, Devanagari, Mongolian) and in emoji: joiners and
# variation selectors. They stay there, and do not tell two names apart.
_JOINING = "\u200c\u200d\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0020-\U000e007f"  # spell the region of a flag, after its emoji
_FIRST_JOINED = "\u0600"  # no script before Arabic has a use for them

_CONTROL = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # without the white space among them
_REMOVED = re.compile(f"[{_INVISIBLE}{_CONTROL}]")
_MISPLACED = re.compile(f"(^|[^{_FIRST_JOINED}-\U0010ffff])[{_JOINING}{_TAGS}]+")
_DANGLING = re.compile("[\u200c\u200d]+(?=\\s|$)")
_NOT_COMPARED = re.compile(f"[{_JOINING}]")


def clean_label(text: str) -> str:
    """Return the spelling of a class's name that edgecls stores: NFC, no invisible characters, single inner blanks.

    White space of any kind at both ends is dropped, and between words becomes one blank. Control characters, direction
    marks and zero-width characters are removed; joiners and variation selectors stay where a script or an emoji needs
    them. Empty where nothing visible is left. Cleaning again changes nothing.
    """
    visible = _REMOVED.sub("", unicodedata.normalize("NFC", text))
    visible = _DANGLING.sub("", _MISPLACED.sub(r"\1", " ".join(visible.split())))
    return unicodedata.normalize("NFC", " ".join(visible.split()))


@lru_cache(maxsize=8192)
def label_key(label: str) -> str:
    """Return what two spellings of one class have in common: the cleaned label without case and joiners.

    Case is folded character by character (Unicode's simple case folding), so that `Maße` and `Masse`, two German words,
    remain two.
    """
    decomposed = unicodedata.normalize("NFD", _NOT_COMPARED.sub("", clean_label(label)))
    return unicodedata.normalize("NFC", "".join(map(_simple_fold, decomposed)))


def _simple_fold(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else character.lower()


@lru_cache(maxsize=8192)
def class_key(label: str) -> str:
    """Return what all spellings of one class have in common: `label_key`, but of a single letter the case counts.

    Data sets of characters have both `A` and `a`.
    """
    label = clean_label(label)
    return label if len(label) == 1 else label_key(label)


def find_label(name: str, known: Iterable[str]) -> str | None:
    """Return the label of `known` that `name` means: the one spelled so, else the only one of the same class.

    None where there is no such label, or where several differ from `name` in case alone.
    """
    labels = dict.fromkeys(known)
    for exact in (name, clean_label(name)):
        if exact in labels:
            return exact
    key = class_key(name)
    alike = [label for label in labels if class_key(label) == key]
    return alike[0] if len(alike) == 1 else None


def find_labels(name: str, known: Iterable[str]) -> list[str]:
    """Return all labels of `known` that `name` means in a question, where models may spell one class differently.

    A single letter means that of the other case too, if there is no other.
    """
    labels = dict.fromkeys(known)
    same = [label for label in labels if class_key(label) == class_key(name)]
    return same or [label for label in labels if label_key(label) == label_key(name)]


def unify_labels(counts: Mapping[str, int]) -> tuple[dict[str, str], list[str]]:
    """Return (spelling -> the label to use for it, a message for each class that was spelled in several ways).

    `counts` is spelling -> number of images. Spellings of one `class_key` are one class, which gets the most frequent of
    them. Raises BadData as `check_label` does.
    """
    cleaned = {spelling: check_label(spelling) for spelling in counts}
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    for spelling, label in cleaned.items():
        classes[class_key(label)][label] += counts[spelling]
    used: dict[str, str] = {}
    messages = []
    for spellings in classes.values():
        ranked = sorted(spellings, key=lambda label: (-spellings[label], label))
        used |= dict.fromkeys(ranked, ranked[0])
        if len(ranked) > 1:
            listed = " and ".join(f"{label!r} ({_images(spellings[label])})" for label in ranked)
            messages.append(f"{listed} are used as one class, {ranked[0]!r}: rename one if they are different classes")
    return {spelling: used[label] for spelling, label in cleaned.items()}, messages


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"


def check_label(text: str) -> str:
    """Return `text` cleaned. Raises BadData for a name that no class can have: empty, `unknown`, not encodable."""
    label = clean_label(text)
    if not label:
        raise BadData(f"the class name {text!r} has no visible character: rename the class")
    if label_key(label) == UNKNOWN:
        raise BadData(
            f"the class name {text!r} is reserved for frames that no class fits with certainty: "
            "rename the class, for example to 'other'"
        )
    try:
        label.encode()
    except UnicodeEncodeError:  # from the bytes of a folder's name
        raise BadData(f"the class name {text!r} is not valid UTF-8: rename the class") from None
    return label


def read_label_lines(data: bytes) -> list[str]:
    """Return the labels of a text file as people and tools write them, one for each output of a network, in order.

    The encoding is UTF-8 or, with a byte order mark, UTF-16 or UTF-32. Empty lines and lines that begin with `# ` are
    left out. Where every line begins with an index, and these count from 0 or 1 without a gap, labels are ordered by
    it and lose it: `0 Class 1` (Teachable Machine), `0: cat`, `0,cat` with or without a header line. Where every line
    begins with a WordNet id (`n01440764 tench`), labels lose that. A label that occurs again gets a number: two
    outputs are two classes. Raises BadData for other encodings, for JSON, and as `check_label` does.
    """
    all_lines = _decoded_lines(data)
    _check_no_json(all_lines)
    lines = [line for line in all_lines if clean_label(line) and not re.match(r"\s*#(\s|$)", line)]
    names = _without_indices(lines) or _without_wordnet_ids(lines) or lines
    return _numbered([check_label(name) for name in names])


def _check_no_json(lines: Sequence[str]) -> None:
    try:
        is_json = isinstance(json.loads("\n".join(lines)), list | dict)
    except (ValueError, RecursionError):
        return
    if is_json:
        raise BadData("the label file is JSON: save it as text, one label a line, in the order of the outputs")


def _decoded_lines(data: bytes) -> list[str]:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadData("the label file is not UTF-8 text: save it as UTF-8, one label a line") from error
    if "\0" in text:
        raise BadData("the label file is not a text file: save it as UTF-8 text, one label a line")
    return re.split(r"\r\n|\n|\r", text)


# UTF-32's little-endian mark begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

_INDEXED = re.compile(r"""\s*"?(\d{1,6})"?(?:\s*([,;\t])\s*|\s*[:=]\s*|[.)]\s+|\s+)(\S.*)""")
_WORDNET = re.compile(r"\s*n\d{8}[\s,;]+(\S.*)")


def _without_indices(lines: Sequence[str]) -> list[str] | None:
    """Return the names in the order of their indices; None where the lines are not consistently numbered."""
    indexed = [_INDEXED.fullmatch(line) for line in lines]
    if indexed and indexed[0] is None and len(indexed) > 1 and indexed[1] and (separator := indexed[1][2]):
        indexed = indexed[1:] if separator in lines[0] else indexed  # the header of a CSV file
    names = {int(match[1]): _unquoted(match[3], match[2]) for match in indexed if match}
    first = min(names, default=-1)
    if first not in (0, 1) or len(names) < len(indexed) or max(names) - first != len(names) - 1:
        return None
    counts_things = first == 1 and len(set(names.values())) < len(names)  # `1 euro`, `2 euro`
    return None if counts_things else [names[index] for index in sorted(names)]


def _unquoted(name: str, separator: str | None) -> str:
    """Return a cell of a CSV file without its quotes."""
    quoted = re.fullmatch(r'"(.*)"\s*', name) if separator else None
    return quoted[1].replace('""', '"') if quoted else name


def _without_wordnet_ids(lines: Sequence[str]) -> list[str] | None:
    matches = [_WORDNET.fullmatch(line) for line in lines]
    names = [match[1] for match in matches if match]
    return names if len(names) == len(lines) else None


def _numbered(labels: Sequence[str]) -> list[str]:
    """Return the labels, all different: `crane`, `crane (2)`."""
    taken: set[str] = set(labels)
    occurrences: Counter[str] = Counter()
    numbered = []
    for label in labels:
        occurrences[label] += 1
        name = label
        while occurrences[label] > 1 and name in taken:
            name = f"{label} ({occurrences[label]})"
            occurrences[label] += name in taken
        taken.add(name)
        numbered.append(name)
    return numbered
