"""Write a database with a row for each file of a folder, as after months of work."""

import os
from datetime import datetime, timezone
from pathlib import Path

from edgecls.database.store import Store
from edgecls.images.file_frame import file_frame
from edgecls.records import Classification, Prediction

_TOP_K = tuple(Prediction(label, score) for label, score in (("tabby", 0.9), ("lynx", 0.05), ("fox", 0.01)))


def mark_done(database: Path, inbox: Path) -> None:
    """Write a row for each file of `inbox`, for the source that a daemon's configuration calls `inbox`."""
    source, now = f"folder:{inbox}", datetime.now(timezone.utc)
    with Store(database) as store:
        store.begin_run(
            sha256="0" * 64,
            model_name="",
            labels=["tabby"],
            metrics={},
            device="",
            source=source,
            version="",
            config={},
        )
        with store.database.atomic():
            for name in sorted(os.listdir(inbox)):
                frame = file_frame(source, str(inbox / name), name)
                store.write(
                    Classification(source, frame.key, frame.path, now, now, "tabby", 0.9, _TOP_K, 2.0, 12.0)
                )  # fmt: skip
