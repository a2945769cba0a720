"""Compare the answers to JPEGs decoded at 1/2, 1/4 or 1/8 of their size with those at full size.

    python tools/compare_decoding.py --set groceries grocery10 grocery10/splits.csv grocery10.tflite \
        --set cells demo/cells demo/splits.csv cells.tflite --imagenet imagenet50 --videos video \
        [--versions 10] [--cover 1 --cover 1.5 --cover 2] [--seed 0]

The large images are made from real ones: the test images of data sets with a split file, each with its own model;
ImageNet photographs (a folder with labels.csv: file,class_index,name); frames of videos. Each version is a different
framing of the photograph (a random 80 to 100 % of it, half of them mirrored), scaled up to 1920 x 1080, 2592 x 1944 or
4056 x 3040, with the noise of a sensor and a JPEG quality of 85 to 95. The original files are compared too.
Videos have no labels and therefore no accuracy. Prints the table in docs/experiments/decoding.md.
"""

import argparse
import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import COVER, FULL, reduction
from edgecls.images.image_header import check_header
from edgecls.images.preprocess import decode, load_pixels
from edgecls.inference.classifier import Classifier
from edgecls.model.bundled import default_model
from edgecls.training.data.samples import read_samples

SIZES = ((1920, 1080), (2592, 1944), (4056, 3040))
"""Full HD, and the cameras 1 and HQ of the Raspberry Pi."""

NEAR_TIE = 0.1
"""Minimum margin of a score, below which an answer is a near-tie."""
SHIFTED = -1.0
"""Instead of a cover: decoded at full size and shifted by one pixel. A control for the sensitivity of the model."""
ROUNDED, TOUCHED = -2.0, -3.0
"""Instead of a cover: decoded at full size, with a random half, or thousandth, of the values changed by 1. The first differs
on average as much as a reduced decode, the second as much as a different order of additions may."""
CONTROLS = {SHIFTED: "shifted by 1 pixel", ROUNDED: "1 in 2 values off by 1", TOUCHED: "1 in 1000 values off by 1"}

COLUMNS = (
    "images", "cover", "count", "at 1/1 1/2 1/4 1/8", "pixel difference", "same label", "same label, no near-tie",
    "accuracy: full size", "accuracy: reduced",
)  # fmt: skip

Pixels = NDArray[np.uint8]
Image = tuple[bytes, str | None]
"""An encoded image and its label."""


@dataclass(frozen=True)
class Photograph:
    """Pixels in OpenCV's order (BGR), the label if it is known, and the encoded file if there is one."""

    pixels: Pixels
    label: str | None
    file: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """A label, the margin of its score, the scale of the decode, and the mean pixel difference in grey levels."""

    label: str
    margin: float
    scale: int
    difference: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs=4, action="append", default=[], metavar=("NAME", "FOLDER", "SPLITS", "MODEL"))
    parser.add_argument("--imagenet", type=Path, metavar="FOLDER", help="photographs with a labels.csv")
    parser.add_argument("--videos", type=Path, metavar="FOLDER", help="MP4 files")
    parser.add_argument("--versions", type=int, default=10, help="versions of an ImageNet photograph; others have one")
    parser.add_argument("--limit", type=int, default=1000, help="photographs of each set (default: %(default)s)")
    parser.add_argument("--cover", type=float, action="append", help=f"repeatable (default: {COVER:g})")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    covers = options.cover or [COVER]
    shipped = Classifier(default_model(), threads=1)
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for name, folder, splits, model in options.set:
        photographs = some(test_images(Path(folder), Path(splits)), options.limit)
        compare(name, Classifier(model, threads=1), photographs, 1, covers, options.seed)
    if options.imagenet:
        photographs = some(imagenet(options.imagenet, shipped.model.labels), options.limit)
        compare("ImageNet", shipped, photographs, options.versions, covers, options.seed)
    if options.videos:
        compare("video", shipped, some(frames(options.videos), options.limit), 1, covers, options.seed)


def some(photographs: Iterator[Photograph], limit: int) -> list[Photograph]:
    """Return `limit` of the photographs, evenly spaced, or all of them."""
    available = list(photographs)
    return [available[index] for index in range(0, len(available), -(-len(available) // limit))]


def imagenet(folder: Path, labels: tuple[str, ...]) -> Iterator[Photograph]:
    """Yield the photographs that labels.csv lists."""
    with (folder / "labels.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            file = (folder / row["file"]).read_bytes()
            yield Photograph(decode(file), labels[int(row["class_index"])], file)


def test_images(dataset: Path, splits: Path) -> Iterator[Photograph]:
    """Yield the images of the split `test`."""
    for sample in read_samples(dataset, splits):
        if sample.split == "test":
            file = sample.path.read_bytes()
            yield Photograph(decode(file), sample.label, file)


def frames(folder: Path, each: int = 8) -> Iterator[Photograph]:
    """Yield every eighth frame of each video."""
    for path in sorted(folder.glob("*.mp4")):
        video = cv2.VideoCapture(str(path))
        number = 0
        while video.grab():
            if number % each == 0:
                yield Photograph(video.retrieve()[1], None)  # type: ignore[arg-type]
            number += 1
        video.release()


def enlarge(pixels: Pixels, chance: np.random.Generator) -> bytes:
    """Encode a JPEG like one that a camera with many pixels takes of the same scene."""
    width, height = SIZES[chance.integers(len(SIZES))]
    if pixels.shape[0] > pixels.shape[1]:
        width, height = height, width
    framed = frame(pixels, width / height, chance)
    large = np.asarray(cv2.resize(framed, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    noisy = add_noise(large, chance)
    return cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(85, 96))])[1].tobytes()


def frame(pixels: Pixels, proportions: float, chance: np.random.Generator) -> Pixels:
    """Cut out a part with these proportions, 80 to 100 % of what fits, mirrored half of the time."""
    height, width = pixels.shape[:2]
    share = chance.uniform(0.8, 1)
    columns, rows = share * min(width, height * proportions), share * min(height, width / proportions)
    left, top = chance.uniform(0, width - columns), chance.uniform(0, height - rows)
    part = pixels[int(top) : int(top + rows), int(left) : int(left + columns)]
    mirrored: Pixels = part[:, ::-1]
    return mirrored if chance.random() < 0.5 else part


def add_noise(pixels: Pixels, chance: np.random.Generator) -> Pixels:
    """Add a sensor's noise: 2 to 8 grey levels, correlated between neighbours, repeated after 1024 pixels."""
    height, width = pixels.shape[:2]
    white = chance.standard_normal((1024, 1024, 3), np.float32)
    noise = np.float32(chance.uniform(2, 8)) * (white + 1.5 * np.asarray(cv2.GaussianBlur(white, (0, 0), 1)))
    tiled = np.tile(np.rint(noise).astype(np.int16), (-(-height // 1024), -(-width // 1024), 1))[:height, :width]
    return np.asarray(cv2.add(pixels, tiled, dtype=cv2.CV_8U), np.uint8)


def compare(
    name: str, model: Classifier, photographs: list[Photograph], versions: int, covers: list[float], seed: int
) -> None:
    """Print the rows of the large versions and of the original files."""

    def large(number: int) -> bytes:
        return enlarge(photographs[number // versions].pixels, np.random.default_rng((seed, number)))

    def images() -> Iterator[Image]:
        count = len(photographs) * versions
        with ThreadPoolExecutor(2) as pool:
            for start in range(0, count, 8):  # limits how many are in memory
                numbers = range(start, min(count, start + 8))
                for number, data in zip(numbers, pool.map(large, numbers), strict=True):
                    yield data, photographs[number // versions].label

    report(f"{name}, enlarged", model, images(), covers)
    if files := [(each.file, each.label) for each in photographs if each.file]:
        report(f"{name}, original", model, iter(files), covers)


def report(name: str, model: Classifier, images: Iterator[Image], covers: list[float]) -> None:
    """Classify each image as decoded at full size, as decoded for each cover, and as changed by the controls."""
    rows: dict[float, list[Answer]] = {cover: [] for cover in (FULL, *covers, *CONTROLS)}
    truth = []
    for data, label in images:
        full = load_pixels(data, model.preprocessing, cover=FULL)
        for cover, answers in rows.items():
            answers.append(answer(model, data, cover, full))
        truth.append(label)
    for cover in (*covers, *CONTROLS):
        print(line(name, cover, rows[FULL], rows[cover], truth), flush=True)


def line(name: str, cover: float, full: list[Answer], answers: list[Answer], truth: list[str | None]) -> str:
    """Return a row of the table."""
    pairs = list(zip(full, answers, strict=True))
    same = [a.label == b.label for a, b in pairs]
    sure = [a.label == b.label for a, b in pairs if a.margin >= NEAR_TIE]
    scales = [answer.scale for answer in answers]
    cells = [
        name,
        CONTROLS.get(cover, f"{cover:g}"),
        f"{len(answers)}",
        " ".join(str(scales.count(scale)) for scale in (1, 2, 4, 8)),
        f"{np.mean([answer.difference for answer in answers]):.2f}",
        percent(same),
        f"{percent(sure)} of {len(sure)}",
        *(
            percent([a.label == t for a, t in zip(side, truth, strict=True)]) if truth[0] else ""
            for side in (full, answers)
        ),
    ]
    return f"| {' | '.join(cells)} |"


def percent(values: list[bool]) -> str:
    """Return the share of true values as text."""
    return f"{100 * np.mean(values):.2f} %" if values else ""


def answer(model: Classifier, data: bytes, cover: float, full: Pixels) -> Answer:
    """Classify `data` as decoded for `cover`; `full` is the model's input from the full-size decode."""
    if cover == FULL:
        pixels = full
    elif cover == SHIFTED:
        pixels = shifted(data, model)
    elif cover in (ROUNDED, TOUCHED):
        pixels = rounded(full, 1 / 2 if cover == ROUNDED else 1 / 1000)
    else:
        pixels = load_pixels(data, model.preprocessing, cover=cover)
    scores = model.scores(pixels)
    second, first = np.sort(scores)[-2:]
    scale = reduction(check_header(data), model.preprocessing, cover) if 0 < cover < FULL else 1
    difference = float(np.abs(pixels.astype(int) - full).mean())
    return Answer(model.model.labels[int(scores.argmax())], float(first - second), scale, difference)


def shifted(data: bytes, model: Classifier) -> Pixels:
    """Return the model's input from the image without its first row and column, as after a slight camera shake."""
    moved = cv2.cvtColor(decode(data)[1:, 1:], cv2.COLOR_BGR2RGB)
    return load_pixels(np.ascontiguousarray(moved), model.preprocessing)


def rounded(full: Pixels, share: float) -> Pixels:
    """Change a share of the values by 1 at random; the same for the same pixels."""
    chance = np.random.default_rng(int(full.sum()))
    step = np.where(chance.random(full.shape) < share, chance.choice(np.array([-1, 1], np.int16), full.shape), 0)
    return np.asarray(np.clip(full + step, 0, 255), np.uint8)


if __name__ == "__main__":
    main()
