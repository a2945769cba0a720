"""Training: labelled images -> model file. This is the only package that uses TensorFlow and Keras.

`edgecls.training.pipeline` is the steps of a conversion, in order.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecls.progress import Progress
    from edgecls.training.conversion import Conversion
    from edgecls.training.settings import Training

__all__ = ["convert"]


def convert(
    dataset: str | Path,
    output: str | Path,
    *,
    split_file: str | Path | None = None,
    group_by: str | None = None,
    exclude: Sequence[str] = (),
    reviewed: Sequence[tuple[str | Path, str]] = (),
    backbone: str = "efficientnet-lite0",
    input_size: int | None = None,
    fit: str = "auto",
    crop: float | None = None,
    white: int | None = None,
    quantization: str = "int8",
    training: "Training | None" = None,
    max_drop: float = 0.01,
    force: bool = False,
    min_precision: float = 0.95,
    seed: int = 0,
    resume: bool = False,
    progress: "Progress | None" = None,
) -> "Conversion":
    """Train a network on labelled images, quantize it, measure it as a device would, and write the model file.

        >>> from edgecls import convert
        >>> convert("photos", "model.tflite").evaluation.accuracy           # doctest: +SKIP
        0.87

    Nothing is written to `output` before every step has succeeded. During fine-tuning, a checkpoint is kept beside it.

    Args:
        dataset: A folder with one sub-folder per class, a .zip or .tar of one, a CSV, or an .npz file.
        output: The model file to write.
        split_file: A CSV with the columns file, class, split and optionally group.
        group_by: A regular expression that finds an image's group in its path; a group is never divided between splits.
        exclude: Globs of files and folders to leave out.
        reviewed: (image, label) pairs that are added to the training images.
        backbone: The pretrained network; see `edgecls backbones`.
        input_size: The input size in pixels, for backbones that allow several.
        fit: `crop`, `stretch`, `pad`, or `auto`: `crop`, unless that hides large parts and another fit is better.
        crop: The central share of each side that is used, 0 < crop <= 1. Default: 1; the backbone's own for frozen `crop`.
        white: The value that is white in files of 16 bits or in an .npz. Default: detected.
        quantization: int8, float16, dynamic or float32.
        training: The training settings.
        max_drop: The accuracy that quantization may cost, 0 to 1; if it certainly costs more, see `Conversion.rejected`.
        force: Write the model even if quantization costs more than `max_drop`.
        min_precision: The precision for which each label's threshold is chosen; 0 for no thresholds.
        seed: Decides splits, initial weights, order and augmentation.
        resume: Continue an interrupted fine-tuning from its checkpoint.
        progress: Times the steps, and shows progress bars.

    Raises:
        MissingExtra: The packages of `edgecls[convert]` are not installed.
        UsageError: An argument is wrong, or arguments contradict each other.
        InputNotFound: A file does not exist.
        BadData: The data set cannot be used.
        IoFailed: A file cannot be read or written.
        Unavailable: Another conversion is writing `output`, or a disk is full.
    """
    from edgecls.training import pipeline
    from edgecls.training.settings import Training, find_fit, find_quantization

    options = pipeline.Options(
        dataset=Path(dataset),
        output=Path(output),
        split_file=Path(split_file) if split_file else None,
        group_by=group_by,
        exclude=tuple(exclude),
        reviewed=tuple(reviewed),
        backbone=backbone,
        input_size=input_size,
        fit=find_fit(fit),
        crop=crop,
        white=white,
        quantization=find_quantization(quantization),
        training=training or Training(),
        max_drop=max_drop,
        force=force,
        min_precision=min_precision,
        seed=seed,
        resume=resume,
    )
    return pipeline.run_pipeline(options, progress)
