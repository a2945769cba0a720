"""Measure how often `edgecls drift` raises a false alarm, and whether it detects dirty lenses and failing light.

    python tools/drift_experiment.py --photographs FOLDER

It simulates streams of labels, with and without scenes. Then the bundled model classifies crops of the photographs in
FOLDER, unchanged and degraded.
"""

import argparse
import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.database.store import Store
from edgecls.device.runs import begin_run
from edgecls.inference.classifier import Classifier
from edgecls.model.bundled import default_model
from edgecls.records import Frame
from edgecls.results.drift import comparison
from edgecls.results.drift.answers import Period
from edgecls.results.drift.comparison import FrameCounts, p_value
from edgecls.results.drift.verdict import DriftLimits, find_drift

SHARES = np.array([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
Image = NDArray[np.uint8]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--photographs", type=Path, metavar="FOLDER", help="a folder of JPEGs (default: simulation only)"
    )
    parser.add_argument("--repeats", type=int, default=1000, help="simulations of each case (default: %(default)s)")
    options = parser.parse_args()
    false_alarms(options.repeats)
    if options.photographs:
        degraded_photographs(options.photographs)


def false_alarms(repeats: int) -> None:
    """Print shares of p < 0.05 and 0.01 without a change: for the test, and for one that counts every frame."""
    replicates, comparison.REPLICATES = comparison.REPLICATES, 999
    print("shares of p < 0.05 and p < 0.01 where nothing has changed, and without the correction")
    for name, hours, other_hours, stay in (
        ("independent frames, 24 h against 24 h", 24, 24, 0.0),
        ("scenes of ten frames, 24 h against 24 h", 24, 24, 0.9),
        ("scenes of ten frames, 24 h against 7 days", 24, 168, 0.9),
        ("scenes of ten frames, 12 h against 12 h", 12, 12, 0.9),
        ("scenes of ten frames, 24 h against 400 images", 24, 0, 0.9),
    ):
        chance = np.random.default_rng(0)

        p_values = []
        for _ in range(repeats):
            one, other = stream(chance, hours, stay), stream(chance, other_hours, stay)
            naive = FrameCounts(one.counts, independent=True), FrameCounts(other.counts, independent=True)
            p_values.append((p_value(one, other), p_value(*naive)))
        corrected, uncorrected = np.array(p_values).T
        rates = [float((p < level).mean()) for p in (corrected, uncorrected) for level in (0.05, 0.01)]
        print(f"{name:<46}" + "".join(f"{rate:8.3f}" for rate in rates))
    comparison.REPLICATES = replicates


def stream(chance: np.random.Generator, hours: int, stay: float) -> FrameCounts:
    """Simulate 60 frames an hour, each the same as the last with probability `stay`; 0 hours: 400 labelled images."""
    if not hours:
        return FrameCounts(chance.multinomial(400, SHARES)[None], independent=True)
    counts = np.zeros((hours, len(SHARES)), np.int64)
    for hour in range(hours):
        of_hour = chance.dirichlet(SHARES * 20) if stay else SHARES
        label = chance.choice(len(SHARES), p=of_hour)
        for _ in range(60):
            if chance.random() >= stay:
                label = chance.choice(len(SHARES), p=of_hour)
            counts[hour, label] += 1
    return FrameCounts(counts)


DEGRADED: dict[str, Callable[[Image], Image]] = {
    "unchanged": lambda image: image,
    "a little darker": lambda image: (image * 0.7).astype(np.uint8),
    "dark": lambda image: (image * 0.12).astype(np.uint8),
    "blurred": lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[0] / 60), np.uint8),
    "noise": lambda image: np.clip(image + np.random.default_rng(0).normal(0, 60, image.shape), 0, 255).astype(
        np.uint8
    ),
}


def degraded_photographs(folder: Path) -> None:
    """Classify each degradation for a day, after a day of unchanged crops; each frame is a different crop."""
    images = [cv2.imread(str(path)) for path in sorted(folder.rglob("*.[jJ][pP]*[gG]"))]
    classifier = Classifier(default_model(), threads=2)
    with TemporaryDirectory() as work, Store(Path(work) / "results.db") as store:
        begin_run(store, classifier.model, device="experiment", source="folder", config={})
        chance = random.Random(0)
        for day, degrade in enumerate([DEGRADED["unchanged"], *DEGRADED.values()]):
            for n in range(480):
                at = NOON + timedelta(days=day, minutes=3 * n)
                image = degrade(cut(chance, np.asarray(images[n % len(images)], np.uint8)))
                done, encoded = cv2.imencode(".jpg", image)
                assert done
                result = classifier.classify(Frame("folder", f"{day} {n}", at, encoded.tobytes()))
                store.database.execute("BEGIN")
                store.write(result)
                store.database.execute("UPDATE results SET classified_at = captured_at WHERE key = ?", (f"{day} {n}",))
                store.database.execute("COMMIT")
        print(
            "\n480 crops of photographs compared with 480 of the first day: verdict, index and p of labels and scores"
        )
        for day, how in enumerate(DEGRADED, start=1):
            period = Period(NOON + timedelta(days=day), NOON + timedelta(days=day + 1))
            drift = find_drift(store.database, period, Period(None, NOON + timedelta(days=1)), limits=DriftLimits())
            figures = "".join(f"  {name} {one.psi:6.3f} {one.p:.4f}" for name, one in drift.compared.items())
            print(f"{how:<18} {drift.verdict:<10}{figures}")


def cut(chance: random.Random, image: Image) -> Image:
    """Return a crop of nine tenths of the image at a random position."""
    height, width = (round(0.9 * length) for length in image.shape[:2])
    top, left = (chance.randint(0, whole - part) for whole, part in zip(image.shape, (height, width), strict=False))
    return image[top : top + height, left : left + width]


if __name__ == "__main__":
    main()
