"""A machine whose clocks a test sets."""

from datetime import datetime, timedelta, timezone

from edgecls.database.clock.system_clock import SystemClock
from edgecls.records import Classification, Prediction

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Machine:
    """`lead`: the clock at boot, in seconds since 1970; `up`: seconds since boot."""

    def __init__(self, boot_id="boot-1", lead=0.0, device="pi4"):
        self.boot_id, self.lead, self.device, self.up = boot_id, lead, device, 10.0
        self.clock = SystemClock(lambda: self.lead + self.up, lambda: self.up, lambda: self.boot_id)

    def now(self):
        return EPOCH + timedelta(seconds=self.lead + self.up)

    def begin(self, store, **changes):
        values = {
            "sha256": "ab" * 32, "model_name": "cats", "labels": ["tabby", "lynx"], "metrics": {},
            "device": self.device, "source": "camera:0", "version": "0.1.0", "config": {},
        }  # fmt: skip
        return store.begin_run(**{**values, **changes})

    def frame(self, key, label="tabby", score=0.9, **changes):
        """Return a camera frame of the current time."""
        values = {
            "source": "camera:0", "key": key, "path": None, "captured_at": self.now(), "classified_at": self.now(),
            "label": label, "score": score, "top_k": (Prediction(label, score),), "decode_ms": 2.0, "infer_ms": 12.0,
        }  # fmt: skip
        return Classification(**{**values, **changes})


def seconds(text):
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH).total_seconds()
