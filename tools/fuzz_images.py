"""Feed damaged images to `edgecls run` and count the rows: each image must get one, and nothing may crash.

    python tools/fuzz_images.py FOLDER_OF_IMAGES [--count 10000] [--seed 0] [--model MODEL]

The seeds are the images themselves and small copies as JPEG, PNG, WebP, TIFF and BMP.
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
    """Write the damaged images, run the daemon over them, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of images")
    parser.add_argument("--count", type=int, default=10_000, help="number of damaged images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the damage (default: %(default)s)")
    parser.add_argument("--model", type=Path, help="model file (default: the bundled model)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_mutants(Path(folder) / "inbox", seeds(options.folder), options.count, options.seed)
        code = run(Path(folder), options.model)
        with closing(open_results(Path(folder) / "results.db")) as db:
            rows, errors = db.execute("SELECT count(*), count(error) FROM results").fetchone()
            kinds = db.execute(
                "SELECT error, count(*) FROM results WHERE error NOTNULL GROUP BY 1 ORDER BY 2 DESC LIMIT 6"
            )
            for error, count in kinds.fetchall():
                print(f"{count:6} {error}")
    print(f"{options.count} mutants: {rows} rows, {errors} with an error; exit code of the daemon: {code}")
    sys.exit(rows != options.count or code != 0)


def seeds(folder: Path) -> list[bytes]:
    """Return up to 50 images of `folder`, and small copies of 20 of them in every format."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    whole = [path.read_bytes() for path in files[:: max(1, len(files) // 50)][:50]]
    small = [cv2.resize(decode(data), (160, 120), interpolation=cv2.INTER_AREA) for data in whole[:20]]
    return whole + [cv2.imencode(suffix, image)[1].tobytes() for image in small for suffix in SUFFIXES]


def write_mutants(inbox: Path, images: list[bytes], count: int, seed: int) -> None:
    """Write each damaged image to its own file."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
    mutants: Any = importlib.import_module("mutants")
    inbox.mkdir()
    for number, data in enumerate(mutants.mutants(images, count, seed)):
        (inbox / f"{number:06}.jpg").write_bytes(data)


def run(folder: Path, model: Path | None) -> int:
    """Run the daemon until the inbox is empty, and return its exit code; negative for a signal."""
    setting = f'model = "{model.resolve()}"\n' if model else ""
    config = f'{setting}[source]\npath = "inbox"\nafter = "delete"\nsettle_seconds = 0.1\nincomplete_seconds = 0\n'
    (folder / "edgecls.toml").write_text(config)
    command = [sys.executable, "-m", "edgecls", "run", "--config", str(folder / "edgecls.toml"), "--until-idle", "2"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    main()
