"""Convert a classification into the values of its row."""

import json
import math
from collections.abc import Mapping
from typing import Any

from edgecls.database.schema import NEXT_ID
from edgecls.database.timestamps import format_timestamp
from edgecls.records import Classification

# Not INSERT OR IGNORE, which would also ignore a violated NOT NULL.
INSERT_RESULT = f"""
    INSERT INTO results (id, run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms,
                         infer_ms, error, votes, saved_bytes)
    VALUES ({NEXT_ID}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO NOTHING
"""  # noqa: S608  # a constant


def result_values(run_id: int, classification: Classification) -> tuple[str | float | None, ...]:
    """Return the values of INSERT_RESULT, in its order.

    Scores are rounded to 6 decimals and durations to 3; a number that is not finite becomes null.
    """
    top_k = [{"label": one.label, "score": _rounded(one.score, 6)} for one in classification.top_k]
    return (
        run_id,
        escape_surrogates(classification.source),
        escape_surrogates(classification.key),
        _text_or_null(classification.path),
        format_timestamp(classification.captured_at),
        format_timestamp(classification.classified_at),
        _text_or_null(classification.label),
        _rounded(classification.score, 6),
        to_json(top_k),
        _rounded(classification.decode_ms, 3),
        _rounded(classification.infer_ms, 3),
        _text_or_null(classification.error),
        None if classification.votes is None else to_json(classification.votes),
        classification.saved_bytes,
    )


def _text_or_null(text: str | None) -> str | None:
    return None if text is None else escape_surrogates(text)


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None or not math.isfinite(number) else round(float(number), digits)


def escape_surrogates(text: str) -> str:
    r"""Replace lone surrogates by escapes such as `\udcff`, which UTF-8 and therefore SQLite can store.

    They come from file names that are not UTF-8. Such a path remains readable, but no longer opens the file.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def to_json(value: Any) -> str:
    """Encode `value` as JSON that is readable and standard: non-ASCII text unescaped, NaN and infinities as null."""
    return json.dumps(_to_json_types(value), ensure_ascii=False, allow_nan=False)


def _to_json_types(value: Any) -> Any:
    """Convert `value` to JSON's types; anything else (a path, a time) becomes its text."""
    if isinstance(value, Mapping):
        return {escape_surrogates(str(key)): _to_json_types(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json_types(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, int):  # a bool is an int
        return value
    return escape_surrogates(value if isinstance(value, str) else str(value))
