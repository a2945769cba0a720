"""Print rows as a table for people, or as JSON, JSON Lines or CSV for programs."""

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
    """Standard output, with clear errors: IoFailed if it is redirected to a full disk, for example.

    BrokenPipeError, which means that the reader is gone, passes unchanged.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _about_the_output():
            return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:  # an error in `lines` itself is not an error of the output
            self.write(line)

    def flush(self) -> None:
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
    r"""Print the values of `columns` of each row to `out` (stdout if None); a missing value counts as None.

    Rows are written as `rows` yields them, those of a table in pages. Numbers that are not finite become null
    (JSON) or empty. Without `headed`, a table or CSV has no column names, because they were printed before. A character
    that `out` cannot encode, such as a lone surrogate, becomes a `\` escape.
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
    """A stream that discards the first lines that are written to it."""

    def __init__(self, stream: TextIO, lines: int) -> None:
        super().__init__(stream)
        self._lines = lines

    def write(self, text: str) -> int:
        while self._lines and text:
            _, newline, text = text.partition("\n")
            self._lines -= bool(newline)
        return super().write(text) if text else 0


def write_object(value: Any, out: TextIO | None = None) -> None:
    """Print one JSON value, indented, to `out` (stdout if None)."""
    out = out or sys.stdout
    out.write(_json(_finite(value), out, indent=2) + "\n")


TABLE_PAGE = 1000
"""The number of rows of a table that are in memory at once."""


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """Write a table in pages: the first sets the width of the columns, and later pages widen them only if they must."""
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
    """Return the cells with paths, errors and lists of labels shortened, so that a row fits `width` characters if possible."""
    headings = [len(column) + 2 for column in columns]  # as tabulate does, which also puts 2 spaces between columns
    widths = [max([heading, *map(len, column)]) for heading, *column in zip(headings, *cells, strict=True)]
    shortenable = [i for i, column in enumerate(columns) if column in _SHORTENED_COLUMNS]
    while shortenable and sum(widths) + 2 * (len(widths) - 1) > width:
        widest = max(shortenable, key=widths.__getitem__)
        if widths[widest] <= _SHORTEST:
            break
        widths[widest] -= 1
    return [
        [_shorten(cell, max_length, columns[i]) for i, (cell, max_length) in enumerate(zip(row, widths, strict=True))]
        for row in cells
    ]


_SHORTENED_COLUMNS = ("path", "error", "labels")
_SHORTEST = 16
"""The number of their characters that are shown in the narrowest terminal."""


def _shorten(text: str, max_length: int, column: str) -> str:
    """Shorten `text` to `max_length` characters: keep the end of a path, and the beginning of anything else."""
    if len(text) <= max_length:
        return text
    return f"...{text[3 - max_length :]}" if column == "path" else f"{text[: max_length - 3]}..."


def _write_json_array(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    separator = "[\n"
    for row in rows:
        out.write(separator + _json(dict(zip(columns, row, strict=True)), out))
        separator = ",\n"
    out.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_json_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    out.writelines(_json(dict(zip(columns, row, strict=True)), out) + "\n" for row in rows)


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """Write CSV according to RFC 4180: CRLF, doubled quotes. None is empty, and a nested value is JSON."""
    writer = csv.writer(out)
    writer.writerow([encodable(column, out) for column in columns])
    for row in rows:
        writer.writerow([value if isinstance(value, (int, float)) else _text(value, out) for value in row])


def _cell(value: Any, out: TextIO) -> str:
    return printable(_text(value, out))


def printable(text: str) -> str:
    """Return `text` on one line, with escapes for characters that control the terminal."""
    return _TERMINAL_CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


# Control characters, line separators, and those that reverse the direction of the text around them.
_TERMINAL_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _text(value: Any, out: TextIO) -> str:
    if value is None:
        return ""
    if isinstance(value, (Mapping, list, tuple)):
        return _json(value, out)
    return encodable(_bytes_as_hex(value) if isinstance(value, bytes) else str(value), out)


def _json(value: Any, out: TextIO, indent: int | None = None) -> str:
    r"""Return JSON with readable non-ASCII characters, or `\u` escapes where `out` cannot encode them."""
    as_ascii = "utf" not in _encoding(out).lower()
    text = json.dumps(value, ensure_ascii=as_ascii, allow_nan=False, indent=indent, default=_bytes_as_hex)
    return encodable(text, out)


def _bytes_as_hex(value: Any) -> str:
    """Return a blob in hexadecimal, and any other value without a JSON type, such as a path, as text."""
    return value.hex() if isinstance(value, bytes) else str(value)


def encodable(text: str, out: TextIO) -> str:
    r"""Return `text` with a `\` escape for each character that `out` cannot encode."""
    encoding = _encoding(out)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _encoding(out: TextIO) -> str:
    return getattr(out, "encoding", None) or "utf-8"


def _finite(value: Any) -> Any:
    """Return `value` with None for each number in it that is not finite, because JSON has no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
