import csv
import errno
import io
import json
from math import inf, nan
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabulate import tabulate

from edgecls.cli.output import TABLE_PAGE, Output, OutputFormat, write_object, write_rows
from edgecls.errors import Unavailable

COLUMNS = ("label", "score", "top_k")
ROWS = [
    {"label": "007", "score": 0.9, "top_k": [{"label": "007", "score": 0.9}], "ignored": 1},
    {"label": 'a "b", c\nd', "score": None},
]


def written(output_format, columns=COLUMNS, rows=ROWS, encoding=None):
    out = io.StringIO(newline="") if encoding is None else io.TextIOWrapper(io.BytesIO(), encoding, newline="")
    write_rows(columns, rows, output_format, out)
    out.seek(0)
    return out.read()


def test_table():
    assert [line.split() for line in written("table").splitlines()] == [
        ["label", "score", "top_k"],
        [11 * "-", 7 * "-", 32 * "-"],
        ["007", "0.9", '[{"label":', '"007",', '"score":', "0.9}]"],
        ["a", '"b",', "c\\nd"],
    ]


@pytest.mark.parametrize("text", ["007", "1e5", "0x10", "-0", "1_000", "nan", "x" * 500, "猫", "می‌خواهم"])
def test_a_table_leaves_texts_as_they_are(text):
    assert text in written("table", ["label"], [{"label": text}]).splitlines()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\0\r\tb", "a\\x00\\r\\tb"),
        ("gpj.\u202exe", "gpj.\\u202exe"),
        ("a\u2028b", "a\\u2028b"),
        ("a\udcff", "a\\udcff"),
    ],
)
def test_a_table_shows_control_characters(text, shown):
    lines = written("table", ["a\n", "b"], [{"a\n": text, "b": "next"}]).splitlines()
    assert lines[0].split() == ["a\\n", "b"]
    assert lines[2].split() == [shown, "next"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


LONG = {"path": "in/" + "x" * 100 + "/cell0001.png", "label": "l" * 30, "error": "is not an image " * 8}


def shown(width, monkeypatch, rows, columns=("path", "label", "error")):
    monkeypatch.setenv("COLUMNS", str(width))
    out = Terminal()
    write_rows(columns, rows, "table", out)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_a_table_at_a_terminal_fits_it(monkeypatch, width):
    lines = shown(width, monkeypatch, [LONG, {"path": "in/a.png", "error": "is empty"}])
    assert {len(line) for line in lines[1:2]} == {width}
    assert max(map(len, lines)) == width
    assert "cell0001.png  " + LONG["label"] in lines[2]
    assert lines[2].startswith("...")
    assert "is not an image" in lines[2]
    assert lines[2].endswith("...")
    assert lines[3].split() == ["in/a.png", "is", "empty"]


def test_no_more_is_cut_than_is_needed_and_only_paths_and_errors(monkeypatch):
    (*_, row) = shown(300, monkeypatch, [LONG])
    assert row.split("  ") == [LONG["path"], LONG["label"], LONG["error"].rstrip()]
    (*_, row) = shown(20, monkeypatch, [LONG])
    path, label, error = row.split("  ")
    assert (len(path), label, len(error)) == (16, LONG["label"], 16)
    (*_, row) = shown(20, monkeypatch, [{"sha256": "ab" * 32}], ["sha256"])
    assert row == "ab" * 32
    assert shown(20, monkeypatch, [])[0].split() == ["path", "label", "error"]


def test_a_table_elsewhere_is_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert LONG["path"] in written("table", ["path"], [LONG])


def test_a_long_table_is_written_in_pages_of_the_same_width():
    rows = [{"label": "猫" if count else "a long label", "score": str(count)} for count in range(2 * TABLE_PAGE + 1)]
    out = io.StringIO()

    def read():
        for count, row in enumerate(rows):
            if count == TABLE_PAGE + 1:
                assert out.getvalue().count("\n") == 2 + TABLE_PAGE  # the first page is out
            yield row

    write_rows(("label", "score"), read(), "table", out)
    whole = tabulate([list(row.values()) for row in rows], headers=("label", "score"), disable_numparse=True)
    assert out.getvalue() == whole + "\n"


def test_output_that_cannot_be_written_says_so():
    class Full(Terminal):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Unavailable) as refused:
        write_rows(["a"], [{"a": 1}], "jsonl", Output(Full()))
    assert str(refused.value) == "cannot write the output: the disk is full: free some space"
    assert Output(Full()).isatty()


def test_without_rows():
    assert written("table", rows=[]).splitlines()[0].split() == ["label", "score", "top_k"]
    assert written("json", rows=[]) == "[]\n"
    assert written("jsonl", rows=[]) == ""
    assert written("csv", rows=[]) == "label,score,top_k\r\n"


def test_json_and_json_lines():
    expected = [{column: row.get(column) for column in COLUMNS} for row in ROWS]
    assert json.loads(written("json")) == expected
    assert [json.loads(line) for line in written("jsonl").splitlines()] == expected


def test_csv_follows_rfc_4180():
    assert written("csv") == (
        "label,score,top_k\r\n"
        '007,0.9,"[{""label"": ""007"", ""score"": 0.9}]"\r\n'
        '"a ""b"", c\nd",,\r\n'
    )  # fmt: skip


@pytest.mark.parametrize("output_format", list(OutputFormat))
def test_no_format_writes_nan(output_format):
    text = written(output_format, ["a", "b"], [{"a": nan, "b": [inf, {"c": -inf, "d": (nan,)}]}])
    assert "nan" not in text.lower()
    assert "inf" not in text.lower()


@pytest.mark.parametrize("output_format", ["jsonl", "csv", "json"])
def test_rows_are_written_as_they_come(output_format):
    out = io.StringIO()

    def rows():
        yield {"label": "first"}
        assert "first" in out.getvalue()
        yield {"label": "second"}

    write_rows(["label"], rows(), output_format, out)
    assert "second" in out.getvalue()


@pytest.mark.parametrize("output_format", list(OutputFormat))
def test_values_without_a_json_type(output_format):
    text = written(output_format, ["blob", "path"], [{"blob": b"\x00\xff", "path": PurePosixPath("a/b")}])
    assert "00ff" in text
    assert "a/b" in text


@pytest.mark.parametrize("output_format", list(OutputFormat))
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_text_fits_any_encoding(output_format, encoding):
    text = written(output_format, ["label"], [{"label": "é🐈\udcff"}], encoding)
    if output_format in {"json", "jsonl"}:
        loaded = json.loads(text)
        assert (loaded[0] if output_format == "json" else loaded) == {"label": "é🐈\udcff"}
    assert ("🐈" in text) == (encoding == "utf-8")


def test_stdout_is_looked_up_when_writing(capsys):
    write_rows(["a"], [{"a": 1}], "jsonl")
    write_object({"a": nan, "b": "é"})
    assert capsys.readouterr().out == '{"a": 1}\n{\n  "a": null,\n  "b": "é"\n}\n'


TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
VALUE = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
TABLE = st.lists(TEXT, min_size=2, max_size=4, unique=True).flatmap(
    lambda columns: st.tuples(
        st.just(columns), st.lists(st.fixed_dictionaries(dict.fromkeys(columns, VALUE | st.lists(VALUE))), max_size=4)
    )
)


@given(table=TABLE)
def test_json_parses_back(table):
    columns, rows = table
    assert json.loads(written("json", columns, rows)) == rows
    assert [json.loads(line) for line in written("jsonl", columns, rows).split("\n")[:-1]] == rows


def as_csv(value):
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()


@given(table=TABLE.filter(lambda table: "\0" not in str(table) and "\\x00" not in repr(table)))
def test_csv_parses_back(table):  # without NUL, which Python's own csv reader takes from 3.11 on
    columns, rows = table
    header, *lines = csv.reader(io.StringIO(written("csv", columns, rows), newline=""))
    assert header == [as_csv(column) for column in columns]
    assert lines == [[as_csv(row[column]) for column in columns] for row in rows]


@given(text=TEXT)
def test_a_table_row_is_one_printable_line(text):
    table = written("table", ["label", "end"], [{"label": text, "end": "."}])
    assert len(table.splitlines()) == 3
    assert table.endswith(".\n")
