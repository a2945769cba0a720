"""The options that name a model, and those that complete the metadata of a model from another tool."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.errors import UsageError

if TYPE_CHECKING:
    from edgecls.model.model_file import ModelFile


class InputRange(str, Enum):
    """The names of `input_pixels.RANGES`, without importing numpy."""

    bytes = "0..255"
    unit = "0..1"
    symmetric = "-1..1"


# readable=False, for every path: the code that opens the file reports whether it can be read.
Model = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="FILE", readable=False, help="The model file. Default: the bundled ImageNet model."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", readable=False, help="The label file, for a model without labels."),
]
Range = Annotated[
    InputRange | None,
    typer.Option("--input-range", help="The range of pixel values, for a float model without normalization metadata."),
]


def read_models(paths: Sequence[Path], labels: Path | None, input_range: InputRange | None) -> "list[ModelFile]":
    """Read one model or two; with two, the options apply only to models without edgecls metadata.

    Raises the errors of `read_model`, and InputNotFound, IoFailed and BadData for the label file.
    """
    from edgecls.model.model_file import read_labels, read_model

    names = read_labels(labels) if labels else None
    chosen = input_range.value if input_range else None
    if len(paths) == 1:
        return [read_model(paths[0], names, input_range=chosen)]
    models = [read_model(path, names) for path in paths]
    if (names or chosen) and all(model.info for model in models):
        raise UsageError("both models contain labels and preprocessing: omit --labels and --input-range")
    return [
        read_model(path) if model.info else read_model(path, names, input_range=chosen)
        for path, model in zip(paths, models, strict=True)
    ]
