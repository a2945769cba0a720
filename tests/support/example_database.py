"""A results database with images, as `edgecls classify` writes it, with hostile text where that is possible."""

from contextlib import closing
from datetime import datetime, timedelta, timezone

from pictures import encode, noise

from edgecls.database.store import Store
from edgecls.records import Classification, Prediction

HOSTILE = "<img src=x onerror=alert(1)>"
SCRIPT = '"><script>alert(2)</script>'
LABELS = ("tabby", "lynx", HOSTILE, "unknown", SCRIPT)


def filled(path, *statements, frames=60):
    """Write a database and return its path: `frames` of the last days, some unknown, an error, one without its file.

    SQL `statements` are applied at the end. The images are in a folder beside it.
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
    """Return the rows of a query."""
    from edgecls.database.reading import open_results

    with closing(open_results(path)) as db:
        return db.execute(sql).fetchall()
