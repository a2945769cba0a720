"""The commands of the device wing that end by themselves."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls.bundled import default_model
from edgecls.cli.data_options import Verbose
from edgecls.cli.output import OutputFormat, ReportFormat, printable, write_object, write_rows
from edgecls.errors import NoInput, from_os_error
from edgecls.progress import Steps

if TYPE_CHECKING:
    from edgecls.device.classifier import Classifier
    from edgecls.model_file import ModelFile
    from edgecls.records import Classification

# readable=False, with every path: whether it can be read is found out, and said, where it is read.
Model = Annotated[
    Path | None,
    typer.Option("--model", "-m", readable=False, help="The model file; by default ImageNet's 1000 classes."),
]
Labels = Annotated[
    Path | None, typer.Option("--labels", readable=False, help="Label file for a model that carries none.")
]
MANY = 20
"""Images for which it pays to measure how the cores are shared out best: that takes as long as ten of them."""
COLUMNS = ("path", "label", "score", "top_k", "error")


def classify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", readable=False, help="Images, or folders of images.")
    ],
    *,
    model: Model = None,
    labels: Labels = None,
    db: Annotated[
        Path | None, typer.Option("--db", readable=False, help="Log the results to this database too.")
    ] = None,
    full_decode: Annotated[
        bool,
        typer.Option("--full-decode", help="Decode large JPEGs in full, not at a half to an eighth of their size."),
    ] = False,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="How to print.")] = OutputFormat.table,
    verbose: Verbose = False,  # noqa: ARG001 - its callback sets the level of the log
) -> None:
    """Classify images, print a line for each, in the order given."""
    files = list(_files(paths))
    if not files:
        raise NoInput(f"no images in {', '.join(map(str, paths))}: name image files, or folders that hold some")
    from edgecls.device.ahead import Ahead, classified
    from edgecls.device.classifier import as_frame
    from edgecls.device.golden import replay_golden

    classifiers = _classifiers(_read_model(model, labels), len(files), full_decode=full_decode)
    replay_golden(classifiers[0])
    failed: list[Classification] = []
    logged_before: list[Path] = []
    # The other formats print each row as it comes, and need no bar.
    steps = Steps(show=output_format is OutputFormat.table)

    def outcomes() -> Iterator[dict[str, Any]]:
        with (
            _logged(db, classifiers[0].model) as write,
            steps.step("classifying", len(files)) as advance,
            Ahead(classifiers, at_once=len(files) < MANY) as ahead,
        ):
            for path, classification in zip(files, classified(ahead, map(as_frame, files)), strict=True):
                if not write(classification):
                    logged_before.append(path)
                if classification.error:
                    failed.append(classification)
                advance()
                yield _row(path, classification, output_format)

    columns = ("path", "label", "score", "error") if output_format is OutputFormat.table else COLUMNS
    write_rows(columns, outcomes(), output_format)
    for each in failed:
        typer.echo(printable(f"edgecls: {each.path} {each.error}"), err=True)
    if logged_before:
        known = f"{len(logged_before)} of {len(files)} images had a row already, which stays"
        typer.echo(f"edgecls: {known}: to log them anew, name another --db", err=True)
    if failed:
        raise typer.Exit(1)


def _classifiers(model: "ModelFile", count: int, *, full_decode: bool) -> list["Classifier"]:
    """As many as classify so many images fastest: for few, one is ready sooner."""
    from edgecls.device.classifier import Classifier, default_threads
    from edgecls.device.side_by_side import cores, fastest, plans, sample_of

    def open_one(threads: int) -> Classifier:
        return Classifier(model, threads=threads, full_decode=full_decode)

    return fastest(plans(cores()), open_one, sample_of(model)) if count >= MANY else [open_one(default_threads())]


def _files(paths: list[Path]) -> Iterator[Path]:
    """What was named; a folder stands for the images in it, sorted. Raises NoInput if nothing named exists."""
    from edgecls.preprocess import IMAGE_SUFFIXES

    if not any(path.exists() for path in paths):
        raise NoInput(f"no such file or folder: {paths[0]}")
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
        else:
            yield path


@contextlib.contextmanager
def _logged(db: Path | None, model: "ModelFile") -> Iterator[Callable[["Classification"], bool]]:
    """A function that writes a classification to `db`, or does nothing: False if its image had a row already."""
    if db is None:
        yield lambda _: True
        return
    from edgecls.device.running.results_wing import begin_run
    from edgecls.results.store import Store

    with Store(db) as store:

        def write(classification: "Classification") -> bool:
            known = store.has(classification.source, classification.key)
            store.write(classification)
            return not known

        begin_run(store, model, device=socket.gethostname(), source="files", config={})
        yield write
        store.end_run("all classified")


def _row(path: Path, result: "Classification", output_format: OutputFormat) -> dict[str, Any]:
    score = result.score
    return {
        "path": str(path),
        "label": result.label,
        "score": f"{score:.3f}" if output_format is OutputFormat.table and score is not None else score,
        "top_k": [{"label": p.label, "score": p.score} for p in result.top_k],
        "error": result.error,
    }


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", readable=False, help="The model file.")],
    *,
    labels: Labels = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """Say what a model file is, and check it: its golden examples are replayed, exactly where the model allows that."""
    from edgecls.device.golden import verify

    found = _read_model(model, labels)
    info = asdict(found.info) if found.info else {}
    description = {
        "path": str(found.path),
        "name": found.name,
        "sha256": found.sha256,
        "bytes": found.size,
        "labels": list(found.labels),
        **info,
        "golden": verify(found),
    }
    if output_format is ReportFormat.json:
        write_object(description)
    else:
        rows = [{"": name, "value": value} for name, value in _flat(description)]
        write_rows(("", "value"), rows, OutputFormat.table)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A nested description as lines for a person; of a long list only the beginning."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif isinstance(value, list):
        shown = ", ".join(map(str, value[:10]))
        yield name, f"{shown}, … ({len(value)} in all)" if len(value) > 10 else shown
    else:
        yield name, str(value)


def _read_model(model: Path | None, labels: Path | None) -> "ModelFile":
    from edgecls.model_file import read_model

    return read_model(model or default_model(), _read_labels(labels) if labels else None)


def _read_labels(path: Path) -> list[str]:
    from edgecls.model_file import split_labels

    try:
        return split_labels(path.read_bytes())
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
