"""Export to Parquet, with types: times in UTC, `top_k` as a list of structs."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from edgecls.database.timestamps import parse_timestamp
from edgecls.errors import MissingExtra
from edgecls.results.queries.rows import Row

ROWS_A_GROUP = 50_000
"""Held in memory as columns: about ten megabytes."""
ROWS_A_BATCH = 2000
"""Held in memory as dicts, which take twenty times as much as columns."""


def write_parquet(file: BinaryIO, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write `columns` of `rows`, as `find_rows` yields them, one row group at a time.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Parquet needs pyarrow: pip install 'edgecls[parquet]'") from error
    schema = pa.schema([(name, _types(pa)[name]) for name in columns])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        batches = (pa.RecordBatch.from_pylist(batch, schema) for batch in _batches(rows, columns))
        while group := list(itertools.islice(batches, ROWS_A_GROUP // ROWS_A_BATCH)):
            writer.write_table(pa.Table.from_batches(group), row_group_size=ROWS_A_GROUP)


def _batches(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[list[Row]]:
    typed = (_typed(row, columns) for row in rows)
    while batch := list(itertools.islice(typed, ROWS_A_BATCH)):
        yield batch


def _types(pa: Any) -> dict[str, Any]:
    text, time = pa.string(), pa.timestamp("ms", tz="UTC")
    return {
        "id": pa.int64(), "run_id": pa.int64(), "model": text, "device": text, "source": text, "key": text,
        "path": text, "captured_at": time, "classified_at": time, "label": text, "score": pa.float64(),
        "top_k": pa.list_(pa.struct([("label", text), ("score", pa.float64())])), "decode_ms": pa.float64(),
        "infer_ms": pa.float64(), "error": text, "votes": pa.map_(text, pa.int64()), "clock": text,
    }  # fmt: skip


def _typed(row: Row, columns: Sequence[str]) -> Row:
    typed = {name: row[name] for name in columns}
    for name in typed.keys() & {"captured_at", "classified_at"}:
        typed[name] = parse_timestamp(typed[name])
    if typed.get("votes") is not None:
        typed["votes"] = list(typed["votes"].items())
    return typed
