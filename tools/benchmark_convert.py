"""Measure how fast a conversion is and how much memory it needs.

    python tools/benchmark_convert.py                                       # ELPV: pip install 'edgecls[convert,demo]'
    python tools/benchmark_convert.py --no-guide --images 1000 20000        # time and memory of many images
    python tools/benchmark_convert.py DATASET --split-file CSV [--runs 3] [--images 1000 20000] [--no-guide]

The baseline is the recipe of the Keras transfer-learning guide: the frozen backbone inside the model, `fit` for 10 epochs.
Both sides get the same files, splits, backbone, head, optimizer, learning rate and batch size, and train only the head.
edgecls uses a learning-rate schedule, the guide a constant rate. The guide caches decoded images in memory. Its time ends
with `fit`. The time of edgecls is reported at the same point (a trained float network) and at its end (an int8 model
written, both precisions measured on the held-out images).

The comparison is the time to the same accuracy. After each epoch the guide is evaluated on the held-out images, with the
clock stopped. It has caught up at its first epoch that is at least as accurate as the float network of edgecls in the
same run. A lucky epoch counts too.

`--images N` converts N images: photographs of the data set, and if there are too few, altered copies of them (cropped,
mirrored, with noise), in a folder per class without a split file.

Each measurement runs in its own process, the two sides alternate, and the table shows medians over the runs. Clocks
start after TensorFlow is imported. The peak is that of the resident memory (ru_maxrss), TensorFlow included.
"""

import argparse
import json
import math
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgecls.images.preprocess import load_pixels
from edgecls.progress import Progress
from edgecls.training.backbones import DEFAULT_BACKBONE, find_backbone
from edgecls.training.data.dataset import Dataset, read_dataset
from edgecls.training.data.sample import Sample
from edgecls.training.defaults import resolve_defaults
from edgecls.training.heavy import load_tensorflow
from edgecls.training.settings import Training

HEAD_ONLY = Training(fine_tune="none")

Figures = dict[str, Any]
"""The figures that a child process prints: seconds, accuracies of 0 to 1, and `peak` in MB. The guide adds `epochs`: for
each epoch the `seconds` from the start to its end, and the accuracies in `validation` and `test`"""


def main() -> None:
    """Run every measurement in a child process and print the table."""
    arguments = _parse()
    if arguments.side:
        print(json.dumps(SIDES[arguments.side](arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="edgecls-benchmark-") as work:
        if not arguments.dataset:
            _lay_out_elpv(arguments, Path(work))
        rows = [] if arguments.no_guide else _against_the_guide(arguments)
        for count in arguments.images:
            rows.append(_many_images(arguments, count, Path(work) / str(count)))
    print("\n| | seconds | accuracy, float | int8 | peak MB |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, help="default: the solar cells of the package elpv-dataset")
    parser.add_argument("--split-file", type=Path, metavar="CSV", help="split file of the data set")
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the guide's recipe (default: %(default)s)")
    parser.add_argument(
        "--images", type=int, nargs="*", default=[1000], metavar="N", help="sizes of the larger data sets"
    )
    parser.add_argument("--no-guide", action="store_true", help="skip the comparison with the guide")
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    return parser.parse_args()


def _lay_out_elpv(arguments: argparse.Namespace, work: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("elpv.py")), str(work / "elpv")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    arguments.dataset, arguments.split_file = work / "elpv" / "cells", work / "elpv" / "splits.csv"


def _child(side: str, dataset: Path, split_file: Path | None, seed: int, epochs: int) -> Figures:
    """Run one side in its own process and return its figures."""
    command = [sys.executable, __file__, str(dataset), "--side", side, "--seed", str(seed), "--epochs", str(epochs)]
    if split_file:
        command += ["--split-file", str(split_file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"benchmark_convert: {side} on {dataset} failed with exit code {done.returncode}; see the error above")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    print(f"{side}: {json.dumps(figures)}", file=sys.stderr, flush=True)
    return figures


# --- in the parent: start the children, combine their figures -------------------------------------------------------


def _against_the_guide(arguments: argparse.Namespace) -> list[tuple[str, ...]]:
    by_side: dict[str, list[Figures]] = {side: [] for side in SIDES}
    for run in range(arguments.runs):
        for side in sorted(SIDES, reverse=run % 2 == 1):  # alternate: neither side always gets the warmer machine
            figures = _child(side, arguments.dataset, arguments.split_file, run, arguments.epochs)
            by_side[side].append(figures)
    pairs = zip(by_side["edgecls"], by_side["guide"], strict=True)
    reached = [seconds_to(ours["float"], guide) for ours, guide in pairs]
    guide, ours = _medians(by_side["guide"]), _medians(by_side["edgecls"])
    as_good = statistics.median(reached)
    times = {name: _times(guide["trained"], as_good, ours[name]) for name in ("trained", "finished")}
    never = as_good == math.inf
    return [
        _row(f"Keras guide, {arguments.epochs} epochs: trained", guide, "trained"),
        (
            "Keras guide: as accurate as edgecls in float",
            f"not within {arguments.epochs} epochs" if never else f"{as_good:.1f}",
            *("", "", ""),
        ),
        _row(f"edgecls: trained ({times['trained']})", ours, "trained"),
        _row(f"edgecls: int8 model written and measured ({times['finished']})", ours, "finished"),
    ]


def seconds_to(accuracy: float, guide: Figures) -> float:
    """Return the time until the guide reached `accuracy` on the test images; infinite if it never did."""
    return next((float(each["seconds"]) for each in guide["epochs"] if each["test"] >= accuracy), math.inf)


def _times(all_epochs: float, as_good: float, ours: float) -> str:
    same = "which are not enough" if as_good == math.inf else f"{as_good / ours:.1f} to the same accuracy"
    return f"{all_epochs / ours:.1f} times faster than all epochs of the guide, {same}"


def _many_images(arguments: argparse.Namespace, count: int, folder: Path) -> tuple[str, ...]:
    make_images(read_dataset(arguments.dataset, arguments.split_file, 0, Progress()).samples, count, folder)
    runs = [_child("edgecls", folder, None, seed, arguments.epochs) for seed in range(arguments.runs)]
    shutil.rmtree(folder)
    return _row(f"edgecls: {count:,} images to an int8 model, written and measured", _medians(runs), "finished")


def _medians(runs: Sequence[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0] if name != "epochs"}


def _row(name: str, figures: Figures, time_of: str) -> tuple[str, ...]:
    int8 = f"{figures['int8']:.4f}" if "int8" in figures else ""
    return name, f"{figures[time_of]:.1f}", f"{figures['float']:.4f}", int8, f"{figures['peak']:.0f}"


def make_images(samples: Sequence[Sample], count: int, folder: Path) -> None:
    """Write `count` images into a folder per class under `folder`: `samples` in random order, then altered copies."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    order = random.Random(0).sample(list(samples), len(samples))
    for i in range(count):
        sample = order[i % len(order)]
        class_folder = folder / sample.label
        class_folder.mkdir(parents=True, exist_ok=True)
        if i < len(order):
            shutil.copy(sample.path, class_folder / f"{i:06}{sample.path.suffix}")
            continue
        image = cv2.imread(str(sample.path))
        assert image is not None, sample.path
        height, width = image.shape[:2]
        top, left = rng.integers(0, height // 6 + 1), rng.integers(0, width // 6 + 1)
        part = image[top : top + height - height // 6, left : left + width - width // 6]
        part = part[:, :: rng.choice([1, -1])] + rng.normal(0, 4, (1, 1, 3)) + rng.normal(0, 3, part.shape)
        cv2.imwrite(str(class_folder / f"{i:06}.jpg"), np.clip(part, 0, 255).astype(np.uint8))


# --- in a child -----------------------------------------------------------------------------------------------------


def edgecls_side(arguments: argparse.Namespace) -> Figures:
    """Convert with `edgecls.convert`."""
    load_tensorflow()
    import edgecls

    progress = Progress()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        done = edgecls.convert(
            arguments.dataset,
            Path(folder) / "model.tflite",
            split_file=arguments.split_file,
            backbone=DEFAULT_BACKBONE,
            training=HEAD_ONLY,
            seed=arguments.seed,
            progress=progress,
        )
    finished = time.perf_counter() - begun
    print({name: round(seconds, 1) for name, seconds in done.seconds.items()}, file=sys.stderr)
    return {
        "trained": _until_trained(done.seconds),
        "finished": finished,
        "float": done.float_evaluation.accuracy,
        "int8": done.evaluation.accuracy,
        "peak": _peak(),
    }


def _until_trained(seconds: Any) -> float:
    """Return the time of all steps up to the last training step."""
    names = list(seconds)
    last = max(i for i, name in enumerate(names) if name.startswith("training"))
    return float(sum(seconds[name] for name in names[: last + 1]))


def guide_side(arguments: argparse.Namespace) -> Figures:
    """Follow the guide "Transfer learning and fine-tuning" up to its fine-tuning."""
    load_tensorflow()
    import keras

    data = read_dataset(arguments.dataset, arguments.split_file, arguments.seed, Progress())
    backbone = find_backbone(DEFAULT_BACKBONE)
    settings = resolve_defaults(HEAD_ONLY, backbone).head
    keras.utils.set_random_seed(arguments.seed)
    begun = time.perf_counter()
    base = backbone.load()
    base.trainable = False
    inputs = keras.Input((backbone.input_size, backbone.input_size, 3))
    x = keras.layers.Rescaling(1 / backbone.std, -backbone.mean / backbone.std)(inputs)
    x = keras.layers.Dropout(settings.dropout)(base(x, training=False))
    model = keras.Model(inputs, keras.layers.Dense(len(data.labels), activation="softmax")(x))
    optimizer = keras.optimizers.get(settings.optimizer)
    optimizer.learning_rate = settings.learning_rate
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = {split: _batches(data, split, settings.batch_size) for split in ("train", "validation", "test")}
    trained, epochs = time.perf_counter() - begun, []
    for epoch in range(arguments.epochs):
        begun = time.perf_counter()
        fitted = model.fit(
            batches["train"],
            validation_data=batches["validation"],
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
        )
        trained += time.perf_counter() - begun
        accuracies = {
            "validation": fitted.history["val_accuracy"][-1],
            "test": model.evaluate(batches["test"], verbose=0)[1],  # the clock is stopped
        }
        epochs.append({"seconds": trained, **accuracies})
    return {"trained": trained, "float": epochs[-1]["test"], "epochs": epochs, "peak": _peak()}


def _batches(data: Dataset, split: Any, batch_size: int) -> Any:
    """Build a tf.data pipeline as in the guide: decoded once, cached, shuffled, batched, prefetched."""
    import numpy as np
    import tensorflow as tf

    spec, samples = find_backbone(DEFAULT_BACKBONE).preprocessing, data.of(split)
    paths, classes = [str(s.path) for s in samples], [data.labels.index(s.label) for s in samples]

    def decode(path: bytes) -> Any:
        return load_pixels(Path(path.decode()).read_bytes(), spec).astype(np.float32)

    def load(path: Any, label: Any) -> tuple[Any, Any]:
        return tf.ensure_shape(tf.numpy_function(decode, [path], tf.float32), (spec.height, spec.width, 3)), label

    loaded = tf.data.Dataset.from_tensor_slices((paths, classes)).map(load, num_parallel_calls=tf.data.AUTOTUNE).cache()
    shuffled = loaded.shuffle(len(paths)) if split == "train" else loaded
    return shuffled.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _peak() -> float:
    """Return the peak resident memory of this process in MB. Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


SIDES: dict[str, Callable[[argparse.Namespace], Figures]] = {"edgecls": edgecls_side, "guide": guide_side}


if __name__ == "__main__":
    main()
