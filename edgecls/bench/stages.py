"""The cost of one image by stage, each measured alone."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgecls.bench.pictures import ImageSet
from edgecls.bench.timing import Timing, timed
from edgecls.database.store import Store
from edgecls.device.runs import begin_run
from edgecls.images.framing import resize
from edgecls.images.preprocess import decode, load_pixels
from edgecls.inference.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Stage:
    """`of` says of which pictures, or with how many threads."""

    name: str
    of: str
    timing: Timing


DECODE, RESIZE, BOTH, INFER, COMMIT = "decode", "resize", "decode+resize", "infer", "commit"


def of_pictures(load: ImageSet, classifier: Classifier, seconds: float) -> Iterator[Stage]:
    """Measure decoding in full, resizing the result, and both together as the daemon does them.

    Both together may take less time than the two parts: a large JPEG need not be decoded in full.
    """
    images, spec = load.images, classifier.preprocessing
    decoded = decode(images[0])
    actions: dict[str, Callable[[int], object]] = {
        DECODE: lambda n: decode(images[n % len(images)]),
        RESIZE: lambda _: resize(decoded, spec),
        BOTH: lambda n: load_pixels(images[n % len(images)], spec),
    }
    for name, action in actions.items():
        yield Stage(name, load.name, timed(action, seconds))


def of_network(load: ImageSet, classifier: Classifier, threads: int, seconds: float) -> Stage:
    """Time the network alone, with this number of threads."""
    pixels = [load_pixels(image, classifier.preprocessing) for image in load.images]
    plural = "" if threads == 1 else "s"
    return Stage(
        INFER, f"{threads} thread{plural}", timed(lambda n: classifier.scores(pixels[n % len(pixels)]), seconds)
    )


def of_database(load: ImageSet, classifier: Classifier, folder: Path, seconds: float) -> Stage:
    """Time one row committed by itself with synchronous=FULL, in a database in `folder`."""
    row = classifier.classify(load.images[0])
    keys = map(str, itertools.count())  # a row of a frame that is known would not be written
    with Store(folder / "commit.db") as store:
        begin_run(store, classifier.model, device="bench", source="bench", config={})
        return Stage(COMMIT, "one row", timed(lambda _: store.write(replace(row, key=next(keys))), seconds))
