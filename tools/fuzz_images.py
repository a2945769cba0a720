"""Feed damaged images to `edgecls run` and count what becomes of them: each must be a row, and nothing may crash.

    python tools/fuzz_images.py FOLDER_OF_IMAGES [--count 10000] [--seed 0] [--model MODEL]

The images are used as they are, and made small as JPEG, PNG, WebP, TIFF and BMP.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2

from edgecls.database.reading import open_results
from edgecls.images.preprocess import decode

SUFFIXES = (".jpg", ".png", ".webp", ".tiff", ".bmp")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        write_mutants(Path(place) / "inbox", seeds(options.folder), options.count, options.seed)
        code = run(Path(place), options.model)
        with closing(open_results(Path(place) / "results.db")) as db:
            rows, errors = db.execute("SELECT count(*), count(error) FROM results").fetchone()
            kinds = db.execute(
                "SELECT error, count(*) FROM results WHERE error NOTNULL GROUP BY 1 ORDER BY 2 DESC LIMIT 6"
            )
            for error, count in kinds.fetchall():
                print(f"{count:6} {error}")
    print(f"{options.count} mutants: {rows} rows, {errors} of them errors; the daemon ended with {code}")
    sys.exit(rows != options.count or code != 0)


def seeds(folder: Path) -> list[bytes]:
    """Up to 50 images of `folder` as they are, and 20 of them made small in every format."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    whole = [path.read_bytes() for path in files[:: max(1, len(files) // 50)][:50]]
    small = [cv2.resize(decode(data), (160, 120), interpolation=cv2.INTER_AREA) for data in whole[:20]]
    return whole + [cv2.imencode(suffix, image)[1].tobytes() for image in small for suffix in SUFFIXES]


def write_mutants(inbox: Path, images: list[bytes], count: int, seed: int) -> None:
    """Each as a file of its own."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
    mutants: Any = importlib.import_module("mutants")
    inbox.mkdir()
    for number, data in enumerate(mutants.mutants(images, count, seed)):
        (inbox / f"{number:06}.jpg").write_bytes(data)


def run(place: Path, model: Path | None) -> int:
    """The daemon over the inbox, until nothing is left of it; its exit code, negative for a signal."""
    named = f'model = "{model.resolve()}"\n' if model else ""
    config = f'{named}[source]\npath = "inbox"\nafter = "delete"\nsettle_seconds = 0.1\nincomplete_seconds = 0\n'
    (place / "edgecls.toml").write_text(config)
    command = [sys.executable, "-m", "edgecls", "run", "--config", str(place / "edgecls.toml"), "--until-idle", "2"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    main()
