"""A results database to look at, with pictures: as `edgecls classify` writes it, and hostile where it can be."""

from contextlib import closing
from datetime import datetime, timedelta, timezone

from pictures import encode, noise

from edgecls.database.store import Store
from edgecls.records import Classification, Prediction

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = '"><script>alert(2)</script>'
LABELS = ("tabby", "lynx", HOSTILE, "unknown", SCRIPT)


def filled(path, *statements, frames=60):
    """Make the database at `path`: `frames` of the last days, some unknown, an error, one without its file; and apply
    SQL `statements`. The pictures are in a folder beside it. Returns the path.
    """
    folder = path.parent / "pictures"
    folder.mkdir()
    for place in range(8):
        (folder / f"{HOSTILE if place == 7 else place}.jpg").write_bytes(encode(noise(320, 240, place), ".jpg"))
    files = sorted(folder.iterdir())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 nothing more")
    now = datetime.now(timezone.utc)
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name=f"cats {HOSTILE}", labels=["tabby", "lynx", "manul"], metrics={},
            device=f"pi {HOSTILE}", source="files", version="0", config={},
        )  # fmt: skip
        for number in range(frames):
            label, time = LABELS[number % len(LABELS)], now - timedelta(hours=frames - number)
            top_k = (Prediction(label if label != "unknown" else "lynx", 0.5), Prediction(SCRIPT, 0.2))
            picture = str(files[number % len(files)])
            store.write(
                Classification("files", f"{number}", picture, time, time, label, 0.3 + number / 100, top_k, 1.0, 2.0)
            )
        gone, broken = str(folder / "gone.jpg"), str(folder / "broken.jpg")
        store.write(Classification("files", "gone", gone, now, now, "tabby", 0.9, (Prediction("tabby", 0.9),)))
        store.write(Classification("files", SCRIPT, broken, now, now, error=f"is no image {HOSTILE}"))
        for statement in statements:
            store.database.execute(statement)
    return path


def ask(path, sql):
    """The rows that a question to the database has for an answer."""
    from edgecls.database.reading import open_results

    with closing(open_results(path)) as db:
        return db.execute(sql).fetchall()
