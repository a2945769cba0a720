"""Replay the golden examples of the bundled model with one runtime: print the differences and the speed as JSON.

Run it with the interpreter of the environment whose runtime is tested.
"""

import json
import time

import numpy as np

from edgecls.images.preprocess import load_pixels
from edgecls.inference.classifier import Classifier
from edgecls.model.bundled import default_model
from edgecls.model.model_file import read_model


def replay(*, reference_kernels: bool) -> tuple[str, float, float]:
    """Return the runtime's name, the largest score difference, and the median milliseconds an image."""
    classifier = Classifier(read_model(default_model()), reference_kernels=reference_kernels)
    worst, times = 0.0, []
    for example in classifier.model.golden:
        pixels = load_pixels(example.image, classifier.preprocessing)
        begun = time.perf_counter()
        scores = classifier.scores(pixels)
        times.append((time.perf_counter() - begun) * 1e3)
        expected = classifier.runtime.scores(np.asarray(example.outputs))
        worst = max(worst, float(np.abs(scores - expected).max()))
    return classifier.runtime.name, worst, float(np.median(times))


if __name__ == "__main__":
    model = read_model(default_model())
    name, fast, fast_ms = replay(reference_kernels=False)
    _, exact, exact_ms = replay(reference_kernels=True)
    print(
        json.dumps(
            {
                "runtime": name,
                "examples": len(model.golden),
                "tolerance": model.info.golden_tolerance if model.info else 0.0,
                "fast": fast,
                "fast_ms": fast_ms,
                "reference": exact,
                "reference_ms": exact_ms,
            }
        )
    )
