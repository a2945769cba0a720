"""Take the pictures of the README and the tutorial: docs/images/results.png, overview.png, frame.png and report.png, from a real run.

    python tools/readme_pictures.py ../shared/data/grocery10 --split-file ../shared/data/grocery10/splits.csv

Needs the extras `convert` and `serve`, and chromium. The data set must have a licence under which its photographs may
be shown: the pictures in the repository are of ten classes of the Grocery Store data set (Klasson et al. 2019, MIT).
"""

import argparse
import csv
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MAX_BYTES = 200_000
COLOURS = (256, 128, 64, 32)
"""Palette sizes, the first that keeps a picture under MAX_BYTES is used."""


def edgecls(*arguments: str | Path) -> None:
    """Run a command of edgecls; exit code 1 says that some inputs failed, which a real data set may have."""
    done = subprocess.run([sys.executable, "-m", "edgecls", *map(str, arguments)], check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"edgecls {arguments[0]} ended with {done.returncode}")


def screenshot(url: str, name: str, height: int) -> None:
    """Save what Chromium shows at `url`, 1280 x `height` pixels, as docs/images/`name`."""
    taken = IMAGES / name
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    options = ["--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", "--virtual-time-budget=4000"]
    subprocess.run(
        [chromium, *options, f"--window-size=1280,{height}", f"--screenshot={taken}", url],
        check=True, capture_output=True,
    )  # fmt: skip
    picture = Image.open(taken).convert("RGB")
    for colours in COLOURS:
        picture.quantize(colours, dither=Image.Dither.NONE).save(taken, optimize=True)
        if taken.stat().st_size < MAX_BYTES:
            return
    raise SystemExit(f"{taken}: larger than {MAX_BYTES} bytes: lower its height")


def test_images(data: Path, split_file: Path) -> list[Path]:
    """Return the images of the split `test`."""
    with split_file.open(encoding="utf-8") as file:
        return [data / row["file"] for row in csv.DictReader(file) if row["split"] == "test"]


def take(data: Path, split_file: Path, folder: Path) -> None:
    """Train, classify the test images as a daemon does, and take the pictures."""
    model, db = folder / f"{data.name}.tflite", folder / "results.db"
    training = ("--fine-tune", "none", "--min-precision", "0.85")  # more needs more than five validation images a class
    edgecls("convert", data, "--split-file", split_file, "-o", model, *training, "--report", folder)
    inbox = folder / "inbox"
    inbox.mkdir()
    images = test_images(data, split_file)
    random.Random(0).shuffle(images)
    for number, image in enumerate(images):
        shutil.copyfile(image, inbox / f"{number:04}{image.suffix}")
    config = folder / "edgecls.toml"
    config.write_text(f'device = "shop"\nmodel = "{model}"\ndatabase = "{db}"\n[source]\npath = "{inbox}"\n', "utf-8")
    edgecls("run", "--config", config, "--until-idle", "3")
    screenshot((folder / "report.html").as_uri(), "report.png", 900)
    serve = subprocess.Popen(
        [sys.executable, "-m", "edgecls", "serve", "--db", db, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert serve.stderr
        address = next(match[0] for line in serve.stderr if (match := re.search(r"http://[^\s]+/", line)))
        screenshot(f"{address}gallery", "results.png", 600)
        screenshot(address, "overview.png", 620)
        screenshot(f"{address}frame/7", "frame.png", 700)
    finally:
        serve.terminate()
        serve.wait()


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split-file", type=Path, required=True)
    arguments = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.gettempdir(), "edgecls")  # the pages show it, so it has a plain name
    folder.mkdir()
    try:
        take(arguments.data.resolve(), arguments.split_file.resolve(), folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
