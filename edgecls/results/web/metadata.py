"""The descriptions of tables and columns on Datasette's pages, and the queries that it offers."""

from typing import Any

DATABASE = "data"
"""The name of the database in addresses, independent of the name of its file."""

_TIME = "UTC, ISO 8601 with milliseconds"

_TABLES: dict[str, dict[str, Any]] = {
    "results": {
        "description": "One row per frame, including frames that could not be classified.",
        "sort_desc": "id",
        "columns": {
            "run_id": "The run that classified the frame.",
            "source": "The source of the frame.",
            "key": "Unique within its source; the same content has the same key.",
            "path": "The file, if there is one; links to the page with the picture.",
            "captured_at": f"Time of capture: {_TIME}.",
            "classified_at": f"Time of classification: {_TIME}.",
            "label": "The best label, unknown if its score is below the threshold of its class, or null for an error.",
            "score": "The score of the best label, 0 to 1.",
            "top_k": "The best labels with their scores, best first; JSON.",
            "decode_ms": "Time to read and decode the picture, in milliseconds.",
            "infer_ms": "Time of inference, in milliseconds.",
            "error": "Why the frame could not be classified.",
            "votes": "The number of frames per label, if the row is a vote of several; JSON.",
            "saved_bytes": "Size of the file at path in bytes, if edgecls saved it.",
        },
    },
    "runs": {
        "description": "One row per run of edgecls: its model, device, start and end.",
        "columns": {
            "config": "The settings of the run; JSON.",
            "stopped_at": "Null while the run goes on, or if it was killed.",
        },
    },
    "models": {
        "description": "The models of the runs.",
        "label_column": "name",
        "columns": {
            "sha256": "SHA-256 of the model file.",
            "labels": "The labels in the order of the outputs; JSON.",
            "metrics": "Metrics from training; JSON.",
        },
    },
    "reviews": {
        "description": "One row per reviewed frame; a later review replaces an earlier one.",
        "columns": {
            "predicted": "The label that the model predicted.",
            "label": "The correct label.",
            "reviewed_at": f"Time of the review: {_TIME}.",
        },
    },
    "hourly_counts": {
        "description": "Row counts by hour, run, label and tenth of the score, kept up to date by triggers.",
        "columns": {
            "hour": "The hour in UTC: 2026-11-24T12.",
            "label": "Empty for errors.",
            "bin": "The tenth of the score: 0 is below 0.1, 9 is 0.9 and above, -1 is no score.",
            "score_sum_micros": "The sum of the scores, times 1,000,000.",
            "first_id": "A lower bound of the ids of the rows; last_id is an upper bound.",
            "min_score": "A lower bound of the scores of the rows; max_score is an upper bound.",
        },
    },
    "daily_counts": {
        "description": "The same by day of UTC, up to the day that goes on.",
    },
    "daily_counts_up_to": {"hidden": True},
    "pruned_keys": {"hidden": True},
    "seen_files": {"hidden": True},
    "results_text": {"hidden": True},
    "_sqlite_migrations": {"hidden": True},
}

_QUERIES: dict[str, dict[str, str]] = {
    "labels_by_day": {
        "title": "Rows by day and label",
        "description": "Days in UTC; an empty label is an error.",
        "sql": "SELECT substr(hour, 1, 10) AS day, label, sum(rows) AS rows\n"
        "FROM hourly_counts GROUP BY 1, 2 ORDER BY 1 DESC, 3 DESC",
    },
    "errors_by_message": {
        "title": "Errors by message",
        "sql": "SELECT error, count(*) AS rows, max(classified_at) AS latest\n"
        "FROM results WHERE error IS NOT NULL GROUP BY error ORDER BY 2 DESC",
    },
    "taken_for": {
        "title": "Confusion matrix of the reviews",
        "description": "Reviewed frames by correct and predicted label.",
        "sql": "SELECT label, predicted, count(*) AS frames\nFROM reviews GROUP BY 1, 2 ORDER BY 1, 3 DESC",
    },
    "runs_and_models": {
        "title": "Runs and their models",
        "sql": "SELECT runs.id, device, models.name AS model, source, version, started_at, stopped_at, stop_reason\n"
        "FROM runs JOIN models ON models.id = model_id ORDER BY runs.id DESC",
    },
    "second_best": {
        "title": "Smallest margins",
        "description": "The rows among the newest 1000 whose two best labels have the closest scores.",
        "sql": "SELECT id, label, round(json_extract(top_k, '$[0].score') - json_extract(top_k, '$[1].score'), 3)"
        " AS margin,\n  json_extract(top_k, '$[1].label') AS second\n"
        "FROM (SELECT * FROM results ORDER BY id DESC LIMIT 1000)\n"
        "WHERE json_array_length(top_k) > 1 ORDER BY margin LIMIT 100",
    },
}

METADATA: dict[str, Any] = {
    "title": "edgecls",
    "databases": {DATABASE: {"title": "Tables", "tables": _TABLES, "queries": _QUERIES}},
}
