"""What Datasette's pages say of the tables, and the queries it offers ready-made."""

from typing import Any

DATABASE = "data"
"""What the database is called in addresses, whatever its file is called."""

_TIME = "UTC, ISO 8601 with milliseconds"

_TABLES: dict[str, dict[str, Any]] = {
    "results": {
        "description": "One row a frame, errors included.",
        "sort_desc": "id",
        "columns": {
            "run_id": "The run that classified the frame.",
            "source": "Where the frame came from.",
            "key": "Unique within its source, and the same again for the same content.",
            "path": "The file, where there is one; it links to the page with the picture.",
            "captured_at": f"When the picture was taken: {_TIME}.",
            "classified_at": f"When the row was written: {_TIME}.",
            "label": "The best label; unknown where its score was under the threshold of its class; null for an error.",
            "score": "Of the best label, 0 to 1.",
            "top_k": "The best labels with their scores, JSON, best first.",
            "decode_ms": "Milliseconds to read and decode the picture.",
            "infer_ms": "Milliseconds in the network.",
            "error": "Why the frame could not be classified.",
            "votes": "How many frames said what, JSON, where several made the row.",
            "saved_bytes": "Size of the file at path, where edgecls saved it.",
        },
    },
    "runs": {
        "description": "One row a run of edgecls: which model, which device, from when to when.",
        "columns": {
            "config": "The settings of the run, JSON.",
            "stopped_at": "Null: still running, or killed.",
        },
    },
    "models": {
        "description": "The models that ran.",
        "label_column": "name",
        "columns": {
            "sha256": "Of the model file.",
            "labels": "JSON array, in the order of the outputs.",
            "metrics": "What was measured when the model was made, JSON.",
        },
    },
    "reviews": {
        "description": "What people said of frames: one a frame, the last word counts.",
        "columns": {
            "predicted": "What the model had said.",
            "label": "What it is.",
            "reviewed_at": f"{_TIME}.",
        },
    },
    "hourly_counts": {
        "description": "Rows by hour, run, label and tenth of the score; kept in step with results.",
        "columns": {
            "hour": "2026-11-24T12, UTC.",
            "label": "Empty: an error.",
            "bin": "0: a score under 0.1, up to 9: from 0.9 on; -1: no score.",
            "score_sum_micros": "The sum of the scores, in millionths.",
            "first_id": "No row has a lower id, and none a higher one than last_id.",
            "min_score": "No row has a lower score, and none a higher one than max_score.",
        },
    },
    "daily_counts": {
        "description": "The same of whole days of UTC, up to the last that has begun.",
    },
    "daily_counts_up_to": {"hidden": True},
    "clock_jumps": {"description": "Where the clock of a device was set while it ran."},
    "pruned_keys": {"hidden": True},
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
        "title": "What went wrong, how often",
        "sql": "SELECT error, count(*) AS rows, max(classified_at) AS latest\n"
        "FROM results WHERE error IS NOT NULL GROUP BY error ORDER BY 2 DESC",
    },
    "taken_for": {
        "title": "What was taken for what",
        "description": "Of the frames that people reviewed: the label said, and the label it should have had.",
        "sql": "SELECT label, predicted, count(*) AS frames\nFROM reviews GROUP BY 1, 2 ORDER BY 1, 3 DESC",
    },
    "runs_and_models": {
        "title": "Runs, with their models",
        "sql": "SELECT runs.id, device, models.name AS model, source, version, started_at, stopped_at, stop_reason\n"
        "FROM runs JOIN models ON models.id = model_id ORDER BY runs.id DESC",
    },
    "second_best": {
        "title": "Close calls",
        "description": "Of the newest 1000 rows, those whose two best labels were nearest to each other.",
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
