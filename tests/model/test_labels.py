"""Names of classes have one spelling, and label files are read as the tools that write them mean them."""

# ruff: noqa: RUF001  # letters of other scripts are what is tested

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.errors import BadData
from edgecls.model.labels import (
    check_label,
    clean_label,
    find_label,
    find_labels,
    label_key,
    read_label_lines,
    unify_labels,
)

ENCODABLE = st.text(st.characters(codec="utf-8"), max_size=12)
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u061c\u180e\u034f\u202a\u202e\u2066\u2069\x00\x1b\ufe0f"
BLANKS = " \t\n\u00a0\u2003\u3000\u2028\x85"
WORD = st.text("abcxyzäöüßéñ", min_size=2, max_size=8).filter(lambda word: label_key(word) != "unknown")


@given(ENCODABLE)
def test_cleaning_and_comparing_are_idempotent(text):
    label = clean_label(text)
    assert clean_label(label) == label
    assert unicodedata.is_normalized("NFC", label)
    assert label == label.strip()
    assert label_key(label) == label_key(text)
    assert label_key(label_key(text)) == label_key(text)


@given(st.lists(WORD, min_size=1, max_size=3), st.data())
def test_however_a_name_is_written_it_is_one_label(words, data):
    label = " ".join(unicodedata.normalize("NFC", word) for word in words)
    blanks = st.text(BLANKS, min_size=1, max_size=3)
    written = data.draw(blanks) + "".join(f"{word}{data.draw(blanks)}" for word in words)
    written = unicodedata.normalize(data.draw(st.sampled_from(["NFC", "NFD"])), written)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(written)))
        if not unicodedata.combining(written[place : place + 1] or "a"):
            written = written[:place] + data.draw(st.sampled_from(INVISIBLE)) + written[place:]
    assert clean_label(written) == label
    assert label_key(written.upper().replace("SS", "ß")) == label_key(label.replace("ss", "ß"))


@pytest.mark.parametrize(
    "label", ["می\u200cخواهم", "क्\u200dष", "👩\u200d🔬", "❤\ufe0f\u200d🔥", "🏴\U000e0067\U000e007f"]
)
def test_scripts_and_emoji_keep_what_they_need(label):
    assert clean_label(f" {label}\u200d ") == label


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Größe", "GRO\u0308ẞE", True),
        ("Maße", "Masse", False),
        ("µm", "μm", True),
        ("می\u200cخواهم", "میخواهم", True),
        ("m2", "m²", False),
        ("ı", "i", False),
    ],
)
def test_which_spellings_are_one_class(one, other, same):
    assert (label_key(one) == label_key(other)) == same


def test_a_label_is_found_however_it_is_typed():
    known = ["Größe", "wren", "A", "a", "Wren tit"]
    assert find_label("gro\u0308ße ", known) == "Größe"
    assert find_label("WREN", known) == "wren"
    assert (find_label("a", known), find_label("A", known)) == ("a", "A")
    assert find_label("robin", known) is None
    assert find_label("ö", ["Ö"]) is None
    assert find_label("wren", ["Wren", "wREN"]) is None
    assert find_label("trailing ", ["trailing "]) == "trailing "


def test_a_question_means_all_spellings():
    known = ["Wren", "wren", "A", "a", "B"]
    assert find_labels("WREN", known) == ["Wren", "wren"]
    assert (find_labels("a", known), find_labels("b", known)) == (["a"], ["B"])
    assert find_labels("robin", known) == []


def test_spellings_of_one_class_take_the_most_frequent():
    used, messages = unify_labels({"Robin": 2, "robin": 3, "robin ": 1, "wren": 1, "Gro\u0308ße": 1, "Größe": 1})
    assert used == {
        "Robin": "robin", "robin": "robin", "robin ": "robin", "wren": "wren", "Gro\u0308ße": "Größe", "Größe": "Größe",
    }  # fmt: skip
    (message,) = messages
    assert message == (
        "'robin' (4 images) and 'Robin' (2 images) are used as one class, 'robin': "
        "rename one if they are different classes"
    )


def test_letters_are_classes_of_their_own():
    assert unify_labels({"a": 1, "A": 1}) == ({"a": "a", "A": "A"}, [])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unknown", "is reserved for frames that no class fits with certainty: rename the class"),
        ("Un\u200bknown ", "is reserved for frames that no class fits with certainty: rename the class"),
        ("\u200b \u3164", "has no visible character"),
        ("", "has no visible character"),
        ("Gr\udcf6\udcdfe", "is not valid UTF-8"),
    ],
)
def test_names_that_no_class_can_have(name, reason):
    for check in (check_label, lambda text: unify_labels({text: 1})):
        with pytest.raises(BadData, match=reason):
            check(name)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat\ndog\n", ["cat", "dog"]),
        ("\ncat\r\n\r\n  dog \rcow", ["cat", "dog", "cow"]),
        ("# made by hand\ncat\n#1 dog\n", ["cat", "#1 dog"]),
        ("cat\u2028s\ndog", ["cat s", "dog"]),
        ("0 Class 1\n1 Class 2\n", ["Class 1", "Class 2"]),
        ("0  background\n1  tench, Tinca tinca\n", ["background", "tench, Tinca tinca"]),
        ("1. cat\n2. dog\n", ["cat", "dog"]),
        ("1: dog\n0: cat\n", ["cat", "dog"]),
        ('index,name\n0,"tench, Tinca ""t"""\n1,dog\n', ['tench, Tinca "t"', "dog"]),
        ("0;cat\n1;dog\n", ["cat", "dog"]),
        ("n01440764 tench, Tinca tinca\nn01443537 goldfish\n", ["tench, Tinca tinca", "goldfish"]),
        ("0 crane\n1 wren\n2 crane\n", ["crane", "wren", "crane (2)"]),
        ("crane\ncrane\ncrane (2)\n", ["crane", "crane (3)", "crane (2)"]),
        # Not an index: bare numbers, gaps, other beginnings, amounts.
        ("0\n1\n2\n", ["0", "1", "2"]),
        ("3.5 cm\n4.5 cm\n", ["3.5 cm", "4.5 cm"]),
        ("10 euro\n20 euro\n", ["10 euro", "20 euro"]),
        ("1 euro\n2 euro\n", ["1 euro", "2 euro"]),
        ("0 cat\n1 dog\n1 cow\n", ["0 cat", "1 dog", "1 cow"]),
        ("0 cat\ndog\n", ["0 cat", "dog"]),
        ("background\n0 cat\n1 dog\n", ["background", "0 cat", "1 dog"]),
        ("n01440764\nn01443537\n", ["n01440764", "n01443537"]),
        ("", []),
    ],
)
def test_a_label_file(text, labels):
    assert read_label_lines(text.encode()) == labels


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_label_file_with_a_byte_order_mark(encoding):
    assert read_label_lines("Gro\u0308ße\r\nrobin\r\n".encode(encoding)) == ["Größe", "robin"]
    assert read_label_lines(b"\xfe\xff" + "Größe\n".encode("utf-16-be")) == ["Größe"]


@pytest.mark.parametrize(
    "data", ["Größe\n".encode("latin-1"), "cat\n".encode("utf-16-le"), b"\xff\xfea\n\n", b"\x89PNG\r\n"]
)
def test_a_label_file_that_is_no_text(data):
    with pytest.raises(BadData, match="save it as UTF-8"):
        read_label_lines(data)


@pytest.mark.parametrize("text", ['["cat", "dog"]', '{"0": "cat",\n "1": "dog"}', '{"0": ["n02123045", "tabby"]}\n'])
def test_a_label_file_that_is_json(text):
    with pytest.raises(BadData, match="is JSON: save it as text, one label a line"):
        read_label_lines(text.encode())


def test_a_label_file_with_a_name_that_no_class_can_have():
    with pytest.raises(BadData, match="the class name 'Unknown' is reserved"):
        read_label_lines(b"0 robin\n1 Unknown\n")


@given(st.lists(WORD, min_size=1, max_size=6), st.sampled_from(["{0} {1}", "{0}: {1}", "{0},{1}", "{0}\t{1}"]))
def test_numbered_lines_in_any_order_give_the_same_labels(words, form):
    plain = read_label_lines("\n".join(words).encode())
    lines = [form.format(index, word) for index, word in enumerate(words)]
    assert read_label_lines("\n".join(reversed(lines)).encode()) == plain
    assert len(set(plain)) == len(plain)


@given(st.binary(max_size=60))
def test_any_bytes_give_labels_or_one_error(data):
    try:
        labels = read_label_lines(data)
    except BadData:
        return
    assert all(clean_label(label) == label != "" for label in labels)
