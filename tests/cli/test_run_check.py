"""`edgecls run --check`: what the limits of a configuration would remove."""

from datetime import datetime, timezone

import pytest

from edgecls.database.store import Store
from edgecls.records import Classification, Prediction

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


@pytest.fixture
def database(tmp_path):
    """125 old rows, of which five have a saved frame of 1,000 bytes; the configuration is beside them."""
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "results.db"
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="cats", labels=["tabby"], metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        for n in range(125):
            saved = 1000 if n < 5 else None
            top = (Prediction("tabby", 0.9),)
            store.write(
                Classification(
                    "folder", f"{n}", f"{n}.jpg", NOON, NOON, "tabby", 0.9, top, 2.0, 12.0, saved_bytes=saved
                )
            )
    return path


@pytest.mark.parametrize(
    ("limits", "said", "warned"),
    [
        ("", [], []),
        ("[retention]\nrows_most = 1000\nrows_days = 36500", [], []),
        ("[retention]\nrows_most = 100", ["retention: removes 20 of 125 rows"], []),
        ("[retention]\nrows_most = 2", ["retention: removes 118 of 125 rows"], ["[retention] would remove 118 of 125 rows"]),
        ("[retention]\nrows_days = 1", ["retention: removes 120 of 125 rows"], ["[retention] would remove 120 of 125 rows"]),
        (
            "[saved_frames]\nmax_bytes = 1999",
            ["saved_frames: removes 4 of 5 frames"],
            ["[saved_frames] would remove 4 of 5 frames"],
        ),
        (
            "[saved_frames]\nmax_days = 1",
            ["saved_frames: removes 5 of 5 frames"],
            ["[saved_frames] would remove 5 of 5 frames"],
        ),
    ],
)  # fmt: skip
def test_limits_that_would_remove_most_of_what_is_there(edgecls, tmp_path, tiny_model, database, limits, said, warned):
    before = database.read_bytes()
    (tmp_path / "edgecls.toml").write_text(f'model = "{tiny_model.path}"\n[source]\npath = "inbox"\n{limits}\n')
    done = edgecls("run", "--check", "--config", "edgecls.toml")
    assert done.stdout.splitlines()[4:] == said
    remedy = "raise its limits to keep them"
    assert done.stderr.splitlines() == [f"edgecls: {line}: {remedy}" for line in warned]
    assert database.read_bytes() == before
