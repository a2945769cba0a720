"""Options of `convert`, `evaluate` and `classify` that say which images are meant."""

import logging
from pathlib import Path
from typing import Annotated

import typer

Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        readable=False,
        help="A folder with one sub-folder a class, a .zip or .tar of one, a CSV or an .npz file.",
    ),
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split-file", readable=False, help="CSV with the columns file,class,split and perhaps group."),
]


def _log_details(verbose: bool) -> None:
    if verbose:
        logging.getLogger("edgecls").setLevel(logging.DEBUG)


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        callback=_log_details,
        help="Name every image concerned by a warning, and what decoders remarked on images.",
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="REGEX",
        help="Searched for in each file's path within the data set: equal first parentheses are one group.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="GLOB",
        help="Files and folders to leave out, by name, or by path where it has a /; may be repeated.",
    ),
]
