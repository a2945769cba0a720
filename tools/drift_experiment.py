"""How often `edgecls drift` gives a false alarm, and whether it finds that a lens got dirty or the light went.

    python tools/drift_experiment.py --photographs FOLDER

Streams of labels are simulated, with and without scenes; then the bundled model classifies cut-outs of the photographs
in FOLDER, as they are and spoilt.
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
    parser.add_argument("--photographs", type=Path, help="a folder of JPEGs; without it only the simulation")
    parser.add_argument("--repeats", type=int, default=1000)
    options = parser.parse_args()
    false_alarms(options.repeats)
    if options.photographs:
        spoilt_photographs(options.photographs)


def false_alarms(repeats: int) -> None:
    """P under 0.05 and 0.01 where nothing has changed: of the test as it is, and of one that counts every frame."""
    comparison.REPLICATES, whole = 999, comparison.REPLICATES
    print("shares of p < 0.05 and p < 0.01 where nothing has changed, and without the correction")
    for name, hours, other_hours, stay in (
        ("independent frames, 24 h against 24 h", 24, 24, 0.0),
        ("scenes of ten frames, 24 h against 24 h", 24, 24, 0.9),
        ("scenes of ten frames, 24 h against 7 days", 24, 168, 0.9),
        ("scenes of ten frames, 12 h against 12 h", 12, 12, 0.9),
        ("scenes of ten frames, 24 h against 400 images", 24, 0, 0.9),
    ):
        chance = np.random.default_rng(0)
        found = []
        for _ in range(repeats):
            one, other = stream(chance, hours, stay), stream(chance, other_hours, stay)
            naive = FrameCounts(one.counts, independent=True), FrameCounts(other.counts, independent=True)
            found.append((p_value(one, other), p_value(*naive)))
        right, wrong = np.array(found).T
        rates = [float((p < level).mean()) for p in (right, wrong) for level in (0.05, 0.01)]
        print(f"{name:<46}" + "".join(f"{rate:8.3f}" for rate in rates))
    comparison.REPLICATES = whole


def stream(chance: np.random.Generator, hours: int, stay: float) -> FrameCounts:
    """60 frames an hour; each shows with probability `stay` what the last one did. 0 hours: 400 labelled images."""
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


SPOILT: dict[str, Callable[[Image], Image]] = {
    "as they are": lambda image: image,
    "a little darker": lambda image: (image * 0.7).astype(np.uint8),
    "dark": lambda image: (image * 0.12).astype(np.uint8),
    "blurred": lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[0] / 60), np.uint8),
    "noise": lambda image: np.clip(image + np.random.default_rng(0).normal(0, 60, image.shape), 0, 255).astype(
        np.uint8
    ),
}


def spoilt_photographs(folder: Path) -> None:
    """Each way for a day, after a day of them as they are; each frame another cut-out."""
    images = [cv2.imread(str(path)) for path in sorted(folder.rglob("*.[jJ][pP]*[gG]"))]
    classifier = Classifier(default_model(), threads=2)
    with TemporaryDirectory() as name, Store(Path(name) / "results.db") as store:
        begin_run(store, classifier.model, device="experiment", source="folder", config={})
        chance = random.Random(0)
        for day, spoil in enumerate([SPOILT["as they are"], *SPOILT.values()]):
            for n in range(480):
                at = NOON + timedelta(days=day, minutes=3 * n)
                image = spoil(cut(chance, np.asarray(images[n % len(images)], np.uint8)))
                done, encoded = cv2.imencode(".jpg", image)
                assert done
                result = classifier.classify(Frame("folder", f"{day} {n}", at, encoded.tobytes()))
                store.database.execute("BEGIN")
                store.write(result)
                store.database.execute("UPDATE results SET classified_at = captured_at WHERE key = ?", (f"{day} {n}",))
                store.database.execute("COMMIT")
        print("\n480 cut-outs of photographs against 480 of the day before: verdict, index and p of labels and scores")
        for day, how in enumerate(SPOILT, start=1):
            period = Period(NOON + timedelta(days=day), NOON + timedelta(days=day + 1))
            found = find_drift(store.database, period, Period(None, NOON + timedelta(days=1)), limits=DriftLimits())
            figures = "".join(f"  {what} {one.psi:6.3f} {one.p:.4f}" for what, one in found.compared.items())
            print(f"{how:<18} {found.verdict:<10}{figures}")


def cut(chance: random.Random, image: Image) -> Image:
    """Nine tenths of it, from anywhere."""
    height, width = (round(0.9 * length) for length in image.shape[:2])
    top, left = (chance.randint(0, whole - part) for whole, part in zip(image.shape, (height, width), strict=False))
    return image[top : top + height, left : left + width]


if __name__ == "__main__":
    main()
