"""How `convert` and `evaluate` are told what the data set is."""

from pathlib import Path
from typing import Annotated

import typer

Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET", readable=False, help="A folder with one sub-folder a class, a CSV or an .npz file."
    ),
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split-file", readable=False, help="CSV with the columns file,class,split and perhaps group."),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="REGEX",
        help="Searched for in each file's path within the data set: equal first parentheses are one group.",
    ),
]
