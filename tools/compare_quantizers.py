"""Compare int8 quantizers: the same float networks and calibration images through each of them.

    pip install litert-quantizer                     # in addition to edgecls[convert]
    python tools/compare_quantizers.py --data ELPV cells splits.csv --data NAME DATASET SPLITS --mnist FOLDER

For each `--data` a head is trained on the frozen EfficientNet-Lite0, once a seed; `--mnist FOLDER` (with
t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz: 8,000 images to train on, 2,000 to test) trains a small network
of two convolutions. All figures are measured on the test images: accuracy, agreement with the float network, mean score
difference of its answer, milliseconds an image (LiteRT, one thread, median), and the number of remaining float tensors.
The results are in docs/experiments/quantization.md.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from edgecls.images.native_output import captured_stderr
from edgecls.progress import Progress
from edgecls.training.heavy import load_tensorflow

CALIBRATION_IMAGES = 200
ROUNDING_IMAGES = 32
TIMED_RUNS = 50


@dataclass(frozen=True)
class Task:
    """A trained float network, its calibration images and its test images.

    `network` takes (pixel - mean) / std; `calibration` and `images` are uint8 (n, height, width, channels), of training
    and of test images; `classes` (n,) are the classes of the latter.
    """

    network: Any
    mean: float
    std: float
    calibration: NDArray[np.uint8]
    images: NDArray[np.uint8]
    classes: NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """The model that one quantizer produced for one task. `scores` are float (images, classes)."""

    scores: NDArray[np.float32]
    size: int
    milliseconds: float
    floats: int
    seconds: float


def main() -> None:
    """Train the networks, quantize them, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs=3, action="append", default=[], metavar=("NAME", "DATASET", "SPLITS"))
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="folder of MNIST's t10k files")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network (default: %(default)s)")
    arguments = parser.parse_args()
    load_tensorflow()
    packages = ("tensorflow", "keras", "ai-edge-litert", "litert-quantizer")
    print(", ".join(f"{package} {version(package)}" for package in packages))
    for name, dataset, splits in arguments.data:
        print_table(name, photographs(Path(dataset), Path(splits), arguments.seeds))
    if arguments.mnist:
        print_table("MNIST", digits(arguments.mnist, arguments.seeds))


def print_table(name: str, tasks: Iterator[Task]) -> None:
    """Print a row for each quantizer, means over the tasks, as Markdown."""
    outcomes: dict[str, list[tuple[Task, Outcome, Outcome]]] = {}
    for task in tasks:
        reference = measure(task, as_float)
        for quantizer, quantize in QUANTIZERS.items():
            outcome = reference if quantize is as_float else measure(task, quantize)
            outcomes.setdefault(quantizer, []).append((task, reference, outcome))
    print(f"\n| {name} | accuracy | as float | score difference | MB | ms | float tensors | s to quantize |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for quantizer, triples in outcomes.items():
        print(f"| {quantizer} | {' | '.join(figures(triples))} |", flush=True)


def figures(triples: list[tuple[Task, Outcome, Outcome]]) -> list[str]:
    """Return the cells of a row: means over the seeds, the accuracy with its range."""
    accuracies = [float((o.scores.argmax(1) == task.classes).mean()) for task, _, o in triples]
    agreements = [float((o.scores.argmax(1) == r.scores.argmax(1)).mean()) for _, r, o in triples]
    errors = []
    for _, reference, outcome in triples:
        best = (np.arange(len(reference.scores)), reference.scores.argmax(1))
        errors.append(float(np.abs(outcome.scores[best] - reference.scores[best]).mean()))
    outcomes = [outcome for *_, outcome in triples]
    return [
        f"{np.mean(accuracies):.4f} ({min(accuracies):.4f} to {max(accuracies):.4f})",
        f"{np.mean(agreements):.4f}",
        f"{np.mean(errors):.4f}",
        f"{np.mean([o.size for o in outcomes]) / 1e6:.2f}",
        f"{np.mean([o.milliseconds for o in outcomes]):.2f}",
        f"{max(o.floats for o in outcomes)}",
        f"{np.mean([o.seconds for o in outcomes]):.0f}",
    ]


# --- networks -------------------------------------------------------------------------------------------------------


def photographs(dataset: Path, splits: Path, seeds: int) -> Iterator[Task]:
    """Train a head on EfficientNet-Lite0 for each seed, on every image that is not in the split `test`."""
    from edgecls.images.preprocess import load_pixels
    from edgecls.training.backbones import find_backbone
    from edgecls.training.data.dataset import read_dataset
    from edgecls.training.data.pixel_cache import cache_pixels
    from edgecls.training.features import extract_features
    from edgecls.training.quantization.quantize import to_float

    backbone, steps = find_backbone("efficientnet-lite0"), Progress()
    data = read_dataset(dataset, splits, 0, steps)
    train, test = [s for s in data.samples if s.split != "test"], data.of("test")
    classes = {split: np.array([data.labels.index(s.label) for s in part]) for split, part in enumerate((train, test))}
    frozen = backbone.load()
    with tempfile.TemporaryDirectory() as work:
        pixels = cache_pixels(
            Path(work) / "pixels", train, backbone.preprocessing, data.losses, steps, "caching pixels"
        )
        file = Path(work) / "backbone.tflite"
        file.write_bytes(to_float(frozen, backbone.mean, backbone.std))
        features = extract_features(file, pixels, steps, "frozen layers")
    images = np.stack([load_pixels(s.path.read_bytes(), backbone.preprocessing) for s in test])
    for seed in range(seeds):
        network = with_head(frozen, features, classes[0], len(data.labels), seed)
        chosen = np.random.default_rng(seed).choice(len(train), min(CALIBRATION_IMAGES, len(train)), replace=False)
        calibration = [load_pixels(train[i].path.read_bytes(), backbone.preprocessing) for i in chosen]
        yield Task(network, backbone.mean, backbone.std, np.stack(calibration), images, classes[1])


def with_head(frozen: Any, features: NDArray[np.float32], classes: NDArray[np.int64], labels: int, seed: int) -> Any:
    """Return the backbone with a dense softmax layer, trained for 40 epochs: good enough for a comparison."""
    import keras

    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense(labels, activation="softmax", name="probabilities")
    head = keras.Sequential([keras.Input((features.shape[1],)), keras.layers.Dropout(0.2), dense])
    head.compile("adam", "sparse_categorical_crossentropy")
    head.fit(features, classes, epochs=40, verbose=0)
    return keras.Model(frozen.inputs[0], dense(frozen.outputs[0]), name="classifier")


def digits(folder: Path, seeds: int) -> Iterator[Task]:
    """Yield MNIST's test images, the last 2,000 held out, with a network of two convolutions for each seed."""
    import gzip

    pixels, labels = (
        np.frombuffer(gzip.decompress((folder / name).read_bytes()), np.uint8, offset=offset)
        for name, offset in (("t10k-images-idx3-ubyte.gz", 16), ("t10k-labels-idx1-ubyte.gz", 8))
    )
    images, classes = pixels.reshape(-1, 28, 28, 1), labels.astype(np.int64)
    for seed in range(seeds):
        network = classic(images[:8000] / np.float32(255), classes[:8000], seed)
        yield Task(network, 0.0, 255.0, images[:CALIBRATION_IMAGES], images[8000:], classes[8000:])


def classic(images: NDArray[np.float32], classes: NDArray[np.int64], seed: int) -> Any:
    """Train conv 32, max-pool, conv 64, max-pool, dense with Adam: 10 epochs, batches of 32."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    network = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(images, classes, epochs=10, batch_size=32, verbose=0)
    return keras.Model(network.inputs[0], network.outputs[0], name="classic")


# --- quantizers: Task -> flatbuffer ---------------------------------------------------------------------------------


def as_float(task: Task) -> bytes:
    """Convert without quantization; the input is normalised pixels."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, captured_stderr():
        task.network.export(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def converter_compensated(task: Task) -> bytes:
    """Quantize as edgecls does."""
    from edgecls.training.quantization import quantize

    return quantize.quantize(task.network, task.mean, task.std, "int8", list(task.calibration))


def converter_nearest(task: Task) -> bytes:
    """Quantize as edgecls does, but round each weight to the nearest value."""
    from edgecls.training.quantization import quantize

    with patch.object(quantize, "round_weights", lambda *_: None):
        return converter_compensated(task)


def litert_quantizer(task: Task, ranges: str = "moving_average_update") -> bytes:
    """Quantize weights and activations statically; `ranges` names the calibration of the activations."""
    quantizer, calibrator, recipe, recipes, updates = (
        import_module(f"litert_quantizer.{name}")
        for name in ("quantizer", "calibrator", "recipe", "recipe_manager", "utils.qsv_utils")
    )
    floats, chosen = as_float(task), recipes.RecipeManager()
    chosen.load_quantization_recipe(recipe.static_wi8_ai8())
    name = task.network.inputs[0].name
    samples = [{name: normalized(task, image)[np.newaxis]} for image in task.calibration]
    with captured_stderr():
        calibration = calibrator.Calibrator(floats, num_threads=2, qsv_update_func=getattr(updates, ranges))
        calibration.calibrate({"serving_default": samples}, chosen)
        job = quantizer.Quantizer(floats, recipe.static_wi8_ai8())
        return bytes(job.quantize(calibration.get_model_qsvs(), enable_progress_report=False).quantized_model)


def litert_quantizer_min_max(task: Task) -> bytes:
    """Quantize with the minimum and the maximum as ranges, like TFLiteConverter."""
    return litert_quantizer(task, "min_max_update")


def litert_quantizer_compensated(task: Task) -> bytes:
    """Quantize after our rounding of the weights, which are then already on the quantizer's grid."""
    from edgecls.training.quantization.rounding import round_weights

    weights = task.network.get_weights()
    try:
        round_weights(task.network, normalized(task, task.calibration[:ROUNDING_IMAGES]))
        return litert_quantizer_min_max(task)
    finally:
        task.network.set_weights(weights)


def normalized(task: Task, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels of any shape as the network expects them."""
    return np.asarray((pixels.astype(np.float32) - task.mean) / task.std, np.float32)


QUANTIZERS: dict[str, Callable[[Task], bytes]] = {
    "float32": as_float,
    "TFLiteConverter": converter_nearest,
    "TFLiteConverter after our rounding (kept)": converter_compensated,
    "litert-quantizer": litert_quantizer,
    "litert-quantizer, min-max ranges": litert_quantizer_min_max,
    "litert-quantizer, min-max ranges, after our rounding": litert_quantizer_compensated,
}


# --- measuring ------------------------------------------------------------------------------------------------------


def measure(task: Task, quantize: Callable[[Task], bytes]) -> Outcome:
    """Quantize, then classify every test image with LiteRT's fast kernels."""
    from ai_edge_litert.interpreter import Interpreter

    begun = time.perf_counter()
    flatbuffer = quantize(task)
    seconds = time.perf_counter() - begun
    with captured_stderr():
        interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
        interpreter.allocate_tensors()
    scores = np.stack([classify(interpreter, task, image) for image in task.images])
    times = []
    for _ in range(TIMED_RUNS):
        begun = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - begun)
    floats = [t for t in interpreter.get_tensor_details() if t["dtype"] == np.float32]
    return Outcome(scores, len(flatbuffer), statistics.median(times) * 1000, len(floats), seconds)


def classify(interpreter: Any, task: Task, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the scores (classes,) of one image for any input and output type."""
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    values: NDArray[Any] = image
    if source["dtype"] != np.uint8:
        values = normalized(task, image)
    if source["dtype"] == np.int8:
        scale, zero_point = source["quantization"]
        values = np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)
    interpreter.set_tensor(source["index"], values[np.newaxis])
    interpreter.invoke()
    scores = interpreter.get_tensor(sink["index"])[0].astype(np.float32)
    scale, zero_point = sink["quantization"]
    return np.asarray((scores - zero_point) * scale if scale else scores)


if __name__ == "__main__":
    main()
