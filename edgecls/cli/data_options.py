"""How `convert` and `evaluate` are told what the data set is."""

from pathlib import Path
from typing import Annotated

import typer

Dataset = Annotated[
    Path, typer.Argument(metavar="DATASET", readable=False, help="A folder with one sub-folder a class, or a CSV file.")
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split-file", readable=False, help="CSV with the columns file,class,split and perhaps group."),
]
