"""Options of `convert`, `evaluate` and `classify` that name the images."""

import logging
from pathlib import Path
from typing import Annotated

import typer

Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        readable=False,
        help="A folder with one sub-folder per class, a .zip or .tar archive of one, a CSV file, or an .npz file.",
    ),
]
SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split-file",
        metavar="CSV",
        readable=False,
        help="A CSV file with the columns file, class, split and optionally group.",
    ),
]


def _log_details(verbose: bool) -> None:
    if verbose:
        logging.getLogger("edgecls").setLevel(logging.DEBUG)


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        callback=_log_details,
        help="List every image that a warning is about, and show the warnings of the image decoders.",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="REGEX",
        help="Keep files in one split if the first group of REGEX matches the same text in their paths.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Leave out files and folders with this name, or with this path if GLOB contains a slash. May be repeated.",
    ),
]
