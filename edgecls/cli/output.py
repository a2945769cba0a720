"""How commands print rows: as a table for people, as JSON, JSON lines or CSV for programs."""

import contextlib
import csv
import errno
import itertools
import json
import math
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TextIO

from edgecls.errors import IoFailed, from_os_error


class OutputFormat(str, Enum):
    """The value of --format, for commands that print rows."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


class ReportFormat(str, Enum):
    """The value of --format, for commands that print one object."""

    table = "table"
    json = "json"


class Output:
    """A text stream, stdout, that says of its errors what they are about: no file is named in them.

    Redirected to a disk that is full, say. Raises IoFailed; that nobody reads any more (BrokenPipeError) passes unchanged.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As of any stream."""
        with _about_the_output():
            return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As of any stream; an error of `lines` itself is not the output's."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """As of any stream."""
        with _about_the_output():
            self._stream.flush()


@contextlib.contextmanager
def _about_the_output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno == errno.EBADF:
            raise IoFailed("cannot write the output: stdout is closed: send it to a file, or to /dev/null") from error
        raise from_os_error(error, "cannot write the output") from error


def write_rows(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    output_format: OutputFormat | str,
    out: TextIO | None = None,
    *,
    headed: bool = True,
) -> None:
    r"""Print the values of `columns` of each row to `out` (stdout if None); a missing one counts as None.

    Rows are written as `rows` yields them, those of a table in pages. Numbers that are not finite become null
    (JSON) or empty. Without `headed`, what a table or CSV goes on with: its column names were printed before. A character that `out` cannot encode, such as a lone surrogate, becomes a `\` escape.
    """
    writers = {
        OutputFormat.table: _write_table,
        OutputFormat.json: _write_json_array,
        OutputFormat.jsonl: _write_json_lines,
        OutputFormat.csv: _write_csv,
    }
    picked = ([_finite(row.get(column)) for column in columns] for row in rows)
    stream: Any = out or sys.stdout
    if not headed and output_format in (OutputFormat.table, OutputFormat.csv):
        stream = _WithoutHead(stream, lines=2 if output_format == OutputFormat.table else 1)
    writers[OutputFormat(output_format)](columns, picked, stream)


class _WithoutHead(Output):
    """A stream that leaves out the first lines of what is written to it."""

    def __init__(self, stream: TextIO, lines: int) -> None:
        super().__init__(stream)
        self._lines = lines

    def write(self, text: str) -> int:
        """As of any stream."""
        while self._lines and text:
            _, found, text = text.partition("\n")
            self._lines -= bool(found)
        return super().write(text) if text else 0


def write_object(value: Any, out: TextIO | None = None) -> None:
    """Print one JSON value, indented, to `out` (stdout if None)."""
    out = out or sys.stdout
    out.write(_json(_finite(value), out, indent=2) + "\n")


TABLE_PAGE = 1000
"""Rows of a table that are in memory at once."""


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """A page at a time: the first says how wide the columns are, and only the pages with wider texts are wider."""
    cells = ([_cell(value, out) for value in row] for row in rows)
    first = _table(columns, list(itertools.islice(cells, TABLE_PAGE)), out)
    out.write(first)
    ruler = first.split("\n", 2)[1].split()  # the line under the headings
    while page := list(itertools.islice(cells, TABLE_PAGE)):
        _WithoutHead(out, lines=3).write(_table(columns, [ruler, *page], out))


def _table(columns: Sequence[str], cells: list[list[str]], out: TextIO) -> str:
    from tabulate import tabulate

    if out.isatty():
        cells = _fitting(columns, cells, shutil.get_terminal_size().columns)
    # disable_numparse: a label `007` or `1e5` is a text, and stays as it is.
    return tabulate(cells, headers=[_cell(column, out) for column in columns], disable_numparse=True) + "\n"


def _fitting(columns: Sequence[str], cells: list[list[str]], width: int) -> list[list[str]]:
    """Paths, errors and lists of labels cut so that a row fits `width` characters, as far as that goes: a wrapped table is none."""
    headings = [len(column) + 2 for column in columns]  # tabulate's, as are the 2 between columns
    widths = [max([heading, *map(len, column)]) for heading, *column in zip(headings, *cells, strict=True)]
    can_give = [i for i, column in enumerate(columns) if column in _MAY_BE_CUT]
    while can_give and sum(widths) + 2 * (len(widths) - 1) > width:
        widest = max(can_give, key=widths.__getitem__)
        if widths[widest] <= _LEAST_CUT:
            break
        widths[widest] -= 1
    return [
        [_cut(cell, most, columns[i]) for i, (cell, most) in enumerate(zip(row, widths, strict=True))] for row in cells
    ]


_MAY_BE_CUT = ("path", "error", "labels")
_LEAST_CUT = 16
"""Characters of them that are shown in the narrowest terminal."""


def _cut(text: str, most: int, column: str) -> str:
    """At most `most` characters: of a path its end, of all else its beginning."""
    if len(text) <= most:
        return text
    return f"...{text[3 - most :]}" if column == "path" else f"{text[: most - 3]}..."


def _write_json_array(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    separator = "[\n"
    for row in rows:
        out.write(separator + _json(dict(zip(columns, row, strict=True)), out))
        separator = ",\n"
    out.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_json_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    out.writelines(_json(dict(zip(columns, row, strict=True)), out) + "\n" for row in rows)


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """As RFC 4180 has it: CRLF, quotes doubled; None is empty, a nested value is JSON."""
    writer = csv.writer(out)
    writer.writerow([encodable(column, out) for column in columns])
    for row in rows:
        writer.writerow([value if isinstance(value, (int, float)) else _text(value, out) for value in row])


def _cell(value: Any, out: TextIO) -> str:
    """`value` in a table."""
    return printable(_text(value, out))


def printable(text: str) -> str:
    """`text` on one line, and without a character that would act on the terminal."""
    return _ACTS_ON_TERMINAL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


# Control characters, line separators, and those that reverse the direction of the text around them.
_ACTS_ON_TERMINAL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _text(value: Any, out: TextIO) -> str:
    if value is None:
        return ""
    if isinstance(value, (Mapping, list, tuple)):
        return _json(value, out)
    return encodable(_bytes_as_hex(value) if isinstance(value, bytes) else str(value), out)


def _json(value: Any, out: TextIO, indent: int | None = None) -> str:
    r"""JSON with readable non-ASCII; in another encoding than UTF-8, and for lone surrogates, as `\u` escapes."""
    as_ascii = "utf" not in _encoding(out).lower()
    text = json.dumps(value, ensure_ascii=as_ascii, allow_nan=False, indent=indent, default=_bytes_as_hex)
    return encodable(text, out)


def _bytes_as_hex(value: Any) -> str:
    """A blob or, in JSON, whatever has no JSON type (a path, a time) as its text."""
    return value.hex() if isinstance(value, bytes) else str(value)


def encodable(text: str, out: TextIO) -> str:
    r"""`text` with a `\` escape for each character that `out` cannot encode."""
    encoding = _encoding(out)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _encoding(out: TextIO) -> str:
    return getattr(out, "encoding", None) or "utf-8"


def _finite(value: Any) -> Any:
    """`value` with null for each number in it that is not finite: JSON has no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
