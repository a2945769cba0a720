"""Run the ImageClassifier of MediaPipe Tasks as its documentation shows it."""

import argparse
from pathlib import Path
from typing import Any

import mediapipe  # type: ignore[import-not-found]
from mediapipe.tasks.python import BaseOptions, vision  # type: ignore[import-not-found]

from device_benchmark.loops.rows import TOP_K, over_files, over_stream


def top(result: Any) -> list[tuple[str, float]]:
    """Return [(label, score), ...], best first."""
    return [(category.category_name, category.score) for category in result.classifications[0].categories]


def main() -> None:
    """Classify files, or frames of a stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--files", type=Path, help="a text file with one path per line")
    parser.add_argument("--stream")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    classifier_options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=options.model), max_results=TOP_K
    )  # fmt: skip
    with vision.ImageClassifier.create_from_options(classifier_options) as classifier:
        if options.files:
            paths = options.files.read_text().splitlines()
            read = mediapipe.Image.create_from_file
            over_files(paths, lambda path: top(classifier.classify(read(path))), options.database)
            return
        import cv2

        capture = cv2.VideoCapture(options.stream, cv2.CAP_FFMPEG)

        def classify(image: Any) -> list[tuple[str, float]]:
            pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            return top(classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)))

        over_stream(lambda: capture.read()[1], classify, options.database, options.seconds)


if __name__ == "__main__":
    main()
