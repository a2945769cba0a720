"""The options that say which model is meant, and what a model of another tool does not say of itself."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.errors import UsageError

if TYPE_CHECKING:
    from edgecls.model.model_file import ModelFile


class InputRange(str, Enum):
    """The names of `input_pixels.RANGES`, known before anything that needs numpy is imported."""

    bytes = "0..255"
    unit = "0..1"
    symmetric = "-1..1"


# readable=False, with every path: whether it can be read is found out, and said, where it is read.
Model = Annotated[
    Path | None,
    typer.Option("--model", "-m", readable=False, help="The model file; by default ImageNet's 1000 classes."),
]
Labels = Annotated[
    Path | None, typer.Option("--labels", readable=False, help="Label file for a model that carries none.")
]
Range = Annotated[
    InputRange | None,
    typer.Option("--input-range", help="Pixel values that the float input of another tool's model takes."),
]


def read_models(paths: Sequence[Path], labels: Path | None, input_range: InputRange | None) -> "list[ModelFile]":
    """Read the models; of two, the options are for those of other tools, which do not carry what is named.

    Raises the errors of `read_model`, and InputNotFound, IoFailed and BadData for the label file.
    """
    from edgecls.model.model_file import read_labels, read_model

    names = read_labels(labels) if labels else None
    chosen = input_range.value if input_range else None
    if len(paths) == 1:
        return [read_model(paths[0], names, input_range=chosen)]
    models = [read_model(path, names) for path in paths]
    if (names or chosen) and all(model.info for model in models):
        raise UsageError("both models carry labels and preprocessing: leave out --labels and --input-range")
    return [
        read_model(path) if model.info else read_model(path, names, input_range=chosen)
        for path, model in zip(paths, models, strict=True)
    ]
