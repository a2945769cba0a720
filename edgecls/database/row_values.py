"""A classification as the values of its row."""

import json
import math
from collections.abc import Mapping
from typing import Any

from edgecls.database.timestamps import format_timestamp
from edgecls.records import Classification

# Not INSERT OR IGNORE, which would also swallow a violated NOT NULL.
INSERT_RESULT = """
    INSERT INTO results (run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms,
                         infer_ms, error, votes, saved_bytes)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO NOTHING
"""


def result_values(run_id: int, classification: Classification) -> tuple[str | float | None, ...]:
    """The values of INSERT_RESULT, in its order. Scores keep 6 decimals, durations 3; what is not finite is null."""
    top_k = [{"label": one.label, "score": _rounded(one.score, 6)} for one in classification.top_k]
    return (
        run_id,
        escape_surrogates(classification.source),
        escape_surrogates(classification.key),
        _storable_or_none(classification.path),
        format_timestamp(classification.captured_at),
        format_timestamp(classification.classified_at),
        _storable_or_none(classification.label),
        _rounded(classification.score, 6),
        to_json(top_k),
        _rounded(classification.decode_ms, 3),
        _rounded(classification.infer_ms, 3),
        _storable_or_none(classification.error),
        None if classification.votes is None else to_json(classification.votes),
        classification.saved_bytes,
    )


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else escape_surrogates(text)


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None or not math.isfinite(number) else round(float(number), digits)


def escape_surrogates(text: str) -> str:
    r"""`text` with lone surrogates written as `\udcff`: SQLite's text is UTF-8 and has no place for them.

    They come from file names that are not UTF-8, so such a path reads well but no longer opens the file.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def to_json(value: Any) -> str:
    """JSON that people can read and every parser takes: non-ASCII as it is, NaN and infinities as null."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` in JSON's types; what is none of them (a path, a time) becomes its text."""
    if isinstance(value, Mapping):
        return {escape_surrogates(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, int):  # a bool is an int
        return value
    return escape_surrogates(value if isinstance(value, str) else str(value))
