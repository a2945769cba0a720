"""How commands print rows: as a table for people, as JSON, JSON lines or CSV for programs."""

import csv
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TextIO

from tabulate import tabulate


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


def write_rows(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    output_format: OutputFormat | str,
    out: TextIO | None = None,
) -> None:
    r"""Print the values of `columns` of each row to `out` (stdout if None); a missing one counts as None.

    All formats but the table are written row by row as `rows` yields them. Numbers that are not finite become null
    (JSON) or empty. A character that `out` cannot encode, such as a lone surrogate, becomes a `\` escape.
    """
    writers = {
        OutputFormat.table: _write_table,
        OutputFormat.json: _write_json_array,
        OutputFormat.jsonl: _write_json_lines,
        OutputFormat.csv: _write_csv,
    }
    picked = ([_finite(row.get(column)) for column in columns] for row in rows)
    writers[OutputFormat(output_format)](columns, picked, out or sys.stdout)


def write_object(value: Any, out: TextIO | None = None) -> None:
    """Print one JSON value, indented, to `out` (stdout if None)."""
    out = out or sys.stdout
    out.write(_json(_finite(value), out, indent=2) + "\n")


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    cells = [[_cell(value, out) for value in row] for row in rows]
    # disable_numparse: a label `007` or `1e5` is a text, and stays as it is.
    out.write(tabulate(cells, headers=[_cell(column, out) for column in columns], disable_numparse=True) + "\n")


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
    writer.writerow([_encodable(column, out) for column in columns])
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
    return _encodable(_bytes_as_hex(value) if isinstance(value, bytes) else str(value), out)


def _json(value: Any, out: TextIO, indent: int | None = None) -> str:
    r"""JSON with readable non-ASCII; in another encoding than UTF-8, and for lone surrogates, as `\u` escapes."""
    as_ascii = "utf" not in _encoding(out).lower()
    text = json.dumps(value, ensure_ascii=as_ascii, allow_nan=False, indent=indent, default=_bytes_as_hex)
    return _encodable(text, out)


def _bytes_as_hex(value: Any) -> str:
    """A blob or, in JSON, whatever has no JSON type (a path, a time) as its text."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _encodable(text: str, out: TextIO) -> str:
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
