"""The commands `classify` and `inspect`."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls.addresses import looks_like_address
from edgecls.cli.data_options import Exclude, Verbose
from edgecls.cli.model_options import Labels, Model, Range, read_models
from edgecls.cli.output import OutputFormat, ReportFormat, printable, write_object, write_rows
from edgecls.errors import InputNotFound, UsageError, from_os_error
from edgecls.model.bundled import default_model
from edgecls.progress import Progress

if TYPE_CHECKING:
    from edgecls.device.in_flight import FramesInFlight
    from edgecls.images.image_files import Exclusions, PassedOver
    from edgecls.inference.classifier import Classifier
    from edgecls.model.model_file import ModelFile
    from edgecls.records import Classification

MANY = 20
"""The number of images from which one interpreter per core pays off."""
COLUMNS = ("path", "label", "score", "top_k", "error")


def classify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", readable=False, help="Images, or folders of images.")
    ],
    *,
    model: Model = None,
    labels: Labels = None,
    input_range: Range = None,
    db: Annotated[
        Path | None,
        typer.Option("--db", metavar="FILE", readable=False, help="Also write the results to this database."),
    ] = None,
    full_decode: Annotated[
        bool,
        typer.Option("--full-decode", help="Decode large JPEGs at full size, not at 1/2 to 1/8 of it."),
    ] = False,
    exclude: Exclude = None,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="The output format.")] = OutputFormat.table,
    verbose: Verbose = False,  # noqa: ARG001 - its callback sets the level of the log
) -> None:
    """Classify images, and print one line for each, in the order of the arguments."""
    from edgecls.images.image_files import Exclusions

    _refuse_addresses(paths)
    files, passed_over = _files(paths, Exclusions(exclude or ()))
    not_taken = passed_over.not_taken()
    if not files:
        named = ", ".join(map(str, paths))
        raise InputNotFound(f"no images in {named}{not_taken}: name image files, or folders that contain images")
    if not_taken:
        typer.echo(printable(f"edgecls: {len(files):,} image{'s' * (len(files) != 1)}{not_taken}"), err=True)
    from edgecls.device.classifier_pool import ClassifierPool, classify_all
    from edgecls.inference.classifier import as_frame
    from edgecls.inference.golden import replay_golden

    (chosen,) = read_models([model or default_model()], labels, input_range)
    classifiers = _classifiers(chosen, len(files), full_decode=full_decode)
    replay_golden(classifiers[0])
    failed: list[Classification] = []
    logged_before: list[Path] = []
    # The other formats print each row at once, and need no progress bar.
    progress = Progress(show=output_format is OutputFormat.table)

    def result_rows() -> Iterator[dict[str, Any]]:
        with (
            _logged(db, classifiers[0].model) as write,
            _in_flight(db) as in_flight,
            progress.step("classifying", len(files)) as advance,
            ClassifierPool(classifiers, synchronous=len(files) < MANY, in_flight=in_flight) as pool,
        ):
            for path, classification in zip(files, classify_all(pool, map(as_frame, files)), strict=True):
                if not write(classification):
                    logged_before.append(path)
                if classification.error:
                    failed.append(classification)
                advance()
                yield _row(path, classification, output_format)

    columns = ("path", "label", "score", "error") if output_format is OutputFormat.table else COLUMNS
    write_rows(columns, result_rows(), output_format)
    for each in failed:
        typer.echo(printable(f"edgecls: {each.path} {each.error}"), err=True)
    if logged_before:
        known = f"{len(logged_before)} of {len(files)} images already had a row, which was kept"
        typer.echo(f"edgecls: {known}: use another --db to store the new results", err=True)
    if failed:
        raise typer.Exit(1)


def _refuse_addresses(paths: list[Path]) -> None:
    """Refuse addresses, whose passwords would appear in messages and rows."""
    if any(looks_like_address(str(path)) and not os.path.exists(path) for path in paths):
        raise UsageError(
            'an address is not an image file: to use a camera, set type = "camera" in the configuration of `edgecls run`'
        )


def _classifiers(model: "ModelFile", count: int, *, full_decode: bool) -> list["Classifier"]:
    """Open one classifier per core for many images; for a few, a single one is ready sooner."""
    from edgecls.inference.classifier import Classifier
    from edgecls.inference.side_by_side import Plan, default_threads, plan

    interpreters, threads = plan() if count >= MANY else Plan(1, default_threads())
    return [Classifier(model, threads=threads, full_decode=full_decode) for _ in range(interpreters)]


def _files(paths: list[Path], exclude: "Exclusions") -> tuple[list[Path], "PassedOver"]:
    """Return the named files and the images in the named folders, and the files of folders that were passed over.

    Raises InputNotFound if none of `paths` exists, IoFailed if a folder cannot be read.
    """
    from edgecls.images.image_files import PassedOver, find_images

    if not any(path.exists() for path in paths):
        raise InputNotFound(f"no such file or folder: {paths[0]}")
    files, passed_over = [], PassedOver()
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            images = find_images(path, exclude)
        except OSError as error:
            raise from_os_error(error, f"cannot read the folder {path}") from error
        files.extend(images.paths)
        passed_over.update(images.passed_over, "" if path == Path() else str(path))
    return files, passed_over


@contextlib.contextmanager
def _logged(db: Path | None, model: "ModelFile") -> Iterator[Callable[["Classification"], bool]]:
    """Yield a function that writes a classification to `db`, if any, and returns False if its image already had a row."""
    if db is None:
        yield lambda _: True
        return
    from edgecls.database.store import Store
    from edgecls.device.runs import begin_run

    with Store(db) as store:

        def write(classification: "Classification") -> bool:
            known = store.has(classification.source, classification.key)
            store.write(classification)
            return not known

        begin_run(store, model, device=socket.gethostname(), source="files", config={})
        yield write
        store.end_run("all classified")


@contextlib.contextmanager
def _in_flight(db: Path | None) -> Iterator["FramesInFlight | None"]:
    """Open the record beside the database, so that an image that has ended the program twice is not tried again."""
    if db is None:
        yield None
        return
    from edgecls.device.in_flight import FramesInFlight, in_flight_file

    with contextlib.closing(FramesInFlight(in_flight_file(db))) as in_flight:
        yield in_flight


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
    input_range: Range = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
) -> None:
    """Describe a model file, and check it by replaying its golden examples."""
    from edgecls.inference.golden import verify

    (model_file,) = read_models([model], labels, input_range)
    info = asdict(model_file.info) if model_file.info else {}
    description = {
        "path": str(model_file.path),
        "name": model_file.name,
        "sha256": model_file.sha256,
        "bytes": model_file.size,
        "labels": list(model_file.labels),
        **info,
        "golden": verify(model_file),
    }
    if output_format is ReportFormat.json:
        write_object(description)
    else:
        rows = [{"": name, "value": value} for name, value in _flat(description)]
        write_rows(("", "value"), rows, OutputFormat.table)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield a nested description as (name, text) pairs; of a long list, the first ten."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif isinstance(value, list):
        shown = ", ".join(map(str, value[:10]))
        yield name, f"{shown}, … ({len(value)} in all)" if len(value) > 10 else shown
    else:
        yield name, str(value)
