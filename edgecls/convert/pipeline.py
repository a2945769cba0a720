"""The steps of a conversion, in order.

TensorFlow is imported after the data set has been read, so that what is wrong with that is told at once.
"""

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

import edgecls
from edgecls.convert import golden
from edgecls.convert.backbones import DEFAULT_BACKBONE, Backbone, find_backbone
from edgecls.convert.data.dataset import Dataset, read_dataset
from edgecls.convert.data.samples import Sample
from edgecls.convert.evaluation.evaluate import Evaluation, evaluate
from edgecls.convert.heavy import load_tensorflow
from edgecls.convert.settings import Training, find_quantization
from edgecls.convert.training.features import extract_features
from edgecls.device.golden import verify
from edgecls.files import check_writable
from edgecls.model_file import ModelFile, ModelInfo, write_model
from edgecls.preprocess import decode, load_pixels
from edgecls.progress import Steps

if TYPE_CHECKING:
    import keras

CALIBRATION_IMAGES = 200


@dataclass(frozen=True, slots=True)
class Conversion:
    """What came of a conversion. Both evaluations are of the `test` split, through the device's classifier.

    `seconds` is step -> wall-clock seconds, in order.
    """

    model: ModelFile
    dataset: Dataset
    float_evaluation: Evaluation
    evaluation: Evaluation
    seconds: Mapping[str, float]


def convert(
    dataset: str | Path,
    output: str | Path,
    *,
    split_file: str | Path | None = None,
    backbone: str = DEFAULT_BACKBONE,
    quantization: str = "int8",
    training: Training | None = None,
    seed: int = 0,
    steps: Steps | None = None,
) -> Conversion:
    """Fine-tune `backbone` on `dataset`, quantize it, measure it as the device will, and write the model to `output`.

    `dataset` and `split_file` are as in `samples.read_samples`. Nothing is written to `output` before all has gone
    well. Raises UsageError, NoInput, BadData, MissingExtra and WriteFailed.
    """
    steps, output = steps or Steps(), Path(output)
    chosen, precision = find_backbone(backbone), find_quantization(quantization)
    check_writable(output)  # before minutes of work, not after
    data = read_dataset(Path(dataset), Path(split_file) if split_file else None, seed, steps)
    with steps.step("loading TensorFlow"):
        load_tensorflow()
    from edgecls.convert.quantization import quantize

    with tempfile.TemporaryDirectory(prefix="edgecls-") as folder:
        work = Path(folder)
        write = partial(write_model, labels=data.labels, mean=chosen.mean, std=chosen.std)
        info = _describe(output.stem, chosen, data, quantization, seed)

        network = _fine_tune(chosen, data, work, training or Training(), seed, steps)
        with steps.step("converting to float"):
            flatbuffer = quantize.to_float(network, chosen.mean, chosen.std)
        model = write(work / "float.tflite", flatbuffer, replace(info, quantization="float32"), golden=())
        float_evaluation = evaluate(model, data.of("test"), steps, "evaluating float")

        if quantization != "float32":
            calibration = _calibration(data.of("train"), chosen, seed)
            flatbuffer = quantize.quantize(network, chosen.mean, chosen.std, precision, calibration, steps)
        with steps.step("recording golden examples"):
            examples = golden.record(flatbuffer, _golden_images(data, chosen), chosen.preprocessing, work)
        model = write(work / "quantized.tflite", flatbuffer, info, golden=examples)
        verify(model)
        evaluation = evaluate(model, data.of("test"), steps, f"evaluating {quantization}")

        metrics = {"split": "test", "float32": float_evaluation.summary(), quantization: evaluation.summary()}
        model = write(output, flatbuffer, replace(info, metrics=metrics), golden=examples)
    return Conversion(model, data, float_evaluation, evaluation, steps.seconds)


def _describe(name: str, backbone: Backbone, data: Dataset, quantization: str, seed: int) -> ModelInfo:
    import keras
    import tensorflow

    return ModelInfo(
        name=name,
        preprocessing=backbone.preprocessing,
        quantization=quantization,
        backbone=backbone.name,
        dataset={"fingerprint": data.fingerprint, "images": data.counts(), "seed": seed},
        versions={m.__name__: m.__version__ for m in (edgecls, tensorflow, keras, cv2, np)},
    )


def _fine_tune(
    backbone: Backbone, data: Dataset, work: Path, training: Training, seed: int, steps: Steps
) -> "keras.Model":
    """Normalised pixels -> probabilities: the frozen backbone with a head trained on its features."""
    from edgecls.convert.quantization import quantize
    from edgecls.convert.training import head as train

    with steps.step("loading backbone"):
        frozen = backbone.load()
        file = work / "backbone.tflite"
        file.write_bytes(quantize.to_float(frozen, backbone.mean, backbone.std))
    seen = [sample for sample in data.samples if sample.split != "test"]
    features = extract_features(file, seen, backbone.preprocessing, steps)
    classes = np.array([data.labels.index(sample.label) for sample in seen])
    trains = np.array([sample.split == "train" for sample in seen])
    with steps.step("training head", training.epochs) as advance:
        head = train.train_head(
            (features[trains], classes[trains]),
            (features[~trains], classes[~trains]),
            len(data.labels),
            training,
            seed,
            advance,
        )
    return train.attach(frozen, head)


def _calibration(samples: Sequence[Sample], backbone: Backbone, seed: int) -> list[NDArray[np.uint8]]:
    """Training images as the device will feed them: what int8 ranges are chosen from."""
    chosen = random.Random(seed).sample(samples, min(CALIBRATION_IMAGES, len(samples)))
    return [load_pixels(sample.path.read_bytes(), backbone.preprocessing) for sample in chosen]


def _golden_images(data: Dataset, backbone: Backbone) -> list[bytes]:
    """A training image each of the first few classes, made small."""
    firsts = {sample.label: sample for sample in reversed(data.of("train"))}
    chosen = [firsts[label] for label in data.labels[: golden.COUNT]]
    return [golden.shrink(decode(sample.path.read_bytes()), backbone.preprocessing) for sample in chosen]
