"""Measure the cost of a model's input from a JPEG, decoded at full size and at 1/2, 1/4 and 1/8 of it.

    python tools/benchmark_decoding.py PHOTOGRAPH [--rounds 30] [--side 224] [--crop 0.875] [--clock]

The photograph is scaled up with noise, as in tools/compare_decoding.py. The table shows median milliseconds of CPU time
of one thread, which other work on the machine affects only through the caches. simplejpeg decodes the same files
strictly, and its pixels are compared with those of OpenCV. --clock adds images a second of `decode_strict` and of bare
OpenCV calls, in one thread and in two.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from compare_decoding import add_noise

from edgecls.images.framing import FULL, Preprocessing, reduction
from edgecls.images.image_header import check_header
from edgecls.images.jpeg import decode_jpeg
from edgecls.images.preprocess import decode, decode_strict, load_pixels

SIZES = ((500, 375), (1920, 1080), (4056, 3040))
COLUMNS = (
    "image", "KB", "OpenCV at 1/1 1/2 1/4 1/8", "simplejpeg", "model's input: full size", "reduced, strict", "scale"
)  # fmt: skip
CLOCKED = ("images/s: 1 thread", "2 threads", "OpenCV alone: 1 thread", "2 threads")
FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--rounds", type=int, default=30, help="repetitions (default: %(default)s)")
    parser.add_argument("--clock", action="store_true", help="also measure images a second; needs an idle machine")
    parser.add_argument(
        "--side", type=int, default=224, help="side of the model's input [pixels] (default: %(default)s)"
    )
    parser.add_argument("--crop", type=float, default=0.875, help="share of the central square (default: %(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    spec = Preprocessing(options.side, options.side, "crop", options.crop)
    photograph = decode(options.photograph.read_bytes())
    columns = COLUMNS + CLOCKED * options.clock
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for size in SIZES:
        large = np.asarray(cv2.resize(photograph, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        noisy = add_noise(large, np.random.default_rng(0))
        data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        cells = costs(data, spec, options.rounds) + (rates(data, spec, options.rounds) if options.clock else [])
        print(f"| {' | '.join(cells)} |", flush=True)


def costs(data: bytes, spec: Preprocessing, rounds: int) -> list[str]:
    """Return the cells of a row: size, kilobytes, milliseconds of CPU time, scale."""
    width, height = check_header(data)
    encoded = np.frombuffer(data, np.uint8)
    return [
        f"{width} x {height}",
        f"{len(data) / 1000:.0f}",
        " ".join(f"{cost(partial(cv2.imdecode, encoded, flag), rounds):.1f}" for flag in FLAGS.values()),
        " ".join(strict_cost(data, each, rounds) for each in FLAGS),
        f"{cost(lambda: load_pixels(data, spec, cover=FULL), rounds):.1f}",
        f"{cost(lambda: decode_strict(data, spec), rounds):.1f}",
        f"1/{reduction((width, height), spec)}",
    ]


def rates(data: bytes, spec: Preprocessing, rounds: int) -> list[str]:
    """Return images a second by wall-clock time."""
    encoded, flag = np.frombuffer(data, np.uint8), FLAGS[reduction(check_header(data), spec)]
    decoders = partial(decode_strict, data, spec), partial(cv2.imdecode, encoded, flag)
    return [f"{rate(decoder, threads, rounds):.0f}" for decoder in decoders for threads in (1, 2)]


def cost(work: Callable[[], Any], rounds: int) -> float:
    """Return the median CPU time of this thread in milliseconds."""
    taken = []
    for _ in range(rounds):
        begun = time.thread_time()
        work()
        taken.append(time.thread_time() - begun)
    return statistics.median(taken) * 1000


def strict_cost(data: bytes, scale: int, rounds: int) -> str:
    """Return the milliseconds of a strict decode, with a star if its pixels differ from OpenCV's."""
    size = check_header(data)
    pixels = decode_jpeg(data, size, scale)[0]
    same = np.array_equal(pixels, np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS[scale])))
    return f"{cost(lambda: decode_jpeg(data, size, scale), rounds):.1f}{'' if same else '*'}"


def rate(work: Callable[[], Any], threads: int, rounds: int) -> float:
    """Return how often `work` runs in a second."""
    with ThreadPoolExecutor(threads) as pool:
        begun = time.perf_counter()
        for done in [pool.submit(work) for _ in range(rounds * threads)]:
            done.result()
        return rounds * threads / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
