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
        help="A folder with one sub-folder per class, a .zip or .tar of one, a CSV, or an .npz file.",
    ),
]
SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split-file", readable=False, help="A CSV with the columns file, class, split and optionally group."
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
        help="Name every image that a warning is about, and show remarks of the image decoders.",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="REGEX",
        help="Searched in each file's path; files with the same first group of the match stay in one split.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Files and folders to leave out, by name, or by path if it contains a /; may be repeated.",
    ),
]
