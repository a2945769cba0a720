"""Records to fill a database with."""

from datetime import datetime, timedelta, timezone

from edgecls.records import Classification, Prediction

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def frame(key="a.jpg", minutes=0, label="tabby", score=0.9, **changes):
    """Return a classified frame, `minutes` after noon."""
    values = {
        "source": "folder",
        "key": key,
        "path": f"inbox/{key}",
        "captured_at": NOON,
        "classified_at": NOON + timedelta(minutes=minutes),
        "label": label,
        "score": score,
        "top_k": (Prediction(label, score), Prediction("lynx", 0.05)),
        "decode_ms": 2.0,
        "infer_ms": 12.0,
    }
    return Classification(**{**values, **changes})


def failed(key, minutes=0, error="not an image"):
    """Return a frame that could not be classified."""
    return frame(key, minutes, label=None, score=None, top_k=(), decode_ms=None, infer_ms=None, error=error)


def begin(store, **changes):
    """Begin a run of a small model, with `changes`."""
    values = {
        "sha256": "ab" * 32,
        "model_name": "cats",
        "labels": ["tabby", "lynx"],
        "metrics": {"accuracy": 0.82},
        "device": "pi4",
        "source": "folder",
        "version": "0.1.0",
        "config": {"inbox": "inbox"},
    }
    return store.begin_run(**{**values, **changes})
