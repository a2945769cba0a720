"""The command `convert`."""

import contextlib
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls import system
from edgecls.cli.conversion_summary import print_conversion
from edgecls.cli.data_options import Dataset, Exclude, GroupBy, SplitFile, Verbose
from edgecls.cli.output import printable
from edgecls.errors import InputNotFound, UsageError, from_os_error
from edgecls.files import check_not_input, check_writable, is_stream
from edgecls.progress import Progress

if TYPE_CHECKING:
    from edgecls.training.conversion import Conversion

TRAINING, QUANTIZATION = "Training", "Quantization"
"""The panels of the help."""


def _option(name: str, text: str, panel: str | None = None, **more: Any) -> Any:
    return typer.Option(name, help=text, rich_help_panel=panel, **more)


def convert(
    dataset: Dataset,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL", readable=False, help="The model file to write.")
    ],
    split_file: SplitFile = None,
    group_by: GroupBy = None,
    exclude: Exclude = None,
    add_reviews: Annotated[
        list[Path] | None,
        _option("--add-reviews", "Add the reviewed images of this results database. May be repeated.", metavar="FILE"),
    ] = None,
    review_images: Annotated[
        Path | None,
        _option(
            "--review-images",
            "The folder with the reviewed images, found by name. Default: where the device saw them.",
            metavar="DIR",
        ),
    ] = None,
    backbone: Annotated[
        str, _option("--backbone", "The pretrained network. `edgecls backbones` lists them.", metavar="NAME")
    ] = "efficientnet-lite0",
    input_size: Annotated[
        int | None,
        _option("--input-size", "The input size, for backbones that allow several.", metavar="PIXELS", min=1),
    ] = None,
    fit: Annotated[
        str,
        _option(
            "--fit",
            "How images that are not square are made to fit: crop, stretch, pad, or auto (crop, unless too much is lost).",
            metavar="FIT",
        ),
    ] = "auto",
    crop: Annotated[
        float | None,
        _option(
            "--crop",
            "The central share of each side that is used. Default: 1, or 0.875 with --fine-tune none and --fit crop.",
            metavar="SHARE",
            min=0.1,
            max=1,
        ),
    ] = None,
    white: Annotated[
        int | None,
        _option(
            "--white",
            "The value that is white in 16-bit files or in an .npz file, such as 4095. Default: detected.",
            metavar="VALUE",
            min=1,
            max=65535,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        _option("--report", "Write report.html, with charts and the worst mistakes, to this folder.", metavar="DIR"),
    ] = None,
    seed: Annotated[
        int,
        _option(
            "--seed", "The seed of splits, initial weights, order and augmentation.", metavar="N", min=0, max=2**32 - 1
        ),
    ] = 0,
    fine_tune: Annotated[
        str | None,
        _option(
            "--fine-tune",
            "How much of the backbone is trained: none, top, all, or auto (as much as the time budget allows). "
            "Default: auto, or all for cnn.",
            TRAINING,
            metavar="EXTENT",
        ),
    ] = None,
    time_budget: Annotated[
        str | None,
        _option(
            "--time-budget",
            "The time for training, such as 90s, 10m or 1h. Default: 10m if --fine-tune is auto.",
            TRAINING,
            metavar="TIME",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        _option(
            "--epochs",
            "The maximum number of epochs in the last phase. Default: 15, or 60 for a head only.",
            TRAINING,
            metavar="N",
            min=1,
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        _option(
            "--optimizer",
            "The optimizer of the last phase: adam, adamw, sgd or rmsprop. Default: adamw, or adam for a head only.",
            TRAINING,
            metavar="NAME",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        _option(
            "--learning-rate",
            "The peak learning rate of the last phase. Default: 0.0003, or 0.003 for a head only.",
            TRAINING,
            metavar="RATE",
            min=1e-7,
            max=10.0,
        ),
    ] = None,
    batch_size: Annotated[
        int | None, _option("--batch-size", "The number of images per step. Default: 32.", TRAINING, metavar="N", min=1)
    ] = None,
    label_smoothing: Annotated[
        float | None,
        _option(
            "--label-smoothing",
            "The share of each target that is spread over all classes. Default: 0.1, or 0 for a head only.",
            TRAINING,
            metavar="SHARE",
            min=0,
            max=0.9,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        _option(
            "--dropout",
            "The share of features dropped in each step. Default: 0.2.",
            TRAINING,
            metavar="SHARE",
            min=0,
            max=0.95,
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        _option(
            "--weight-decay",
            "The weight decay of adamw and sgd. Default: 0.0001.",
            TRAINING,
            metavar="RATE",
            min=0,
            max=1,
        ),
    ] = None,
    augment: Annotated[
        str | None,
        _option(
            "--augment",
            "The augmentation: none, photo, aligned, inspection, digits, or auto (measured on the training images). "
            "Default: auto, or digits for cnn.",
            TRAINING,
            metavar="NAME",
        ),
    ] = None,
    class_weights: Annotated[
        bool, _option("--class-weights/--no-class-weights", "Give images of rare classes a higher weight.", TRAINING)
    ] = True,
    search: Annotated[
        int,
        _option(
            "--search",
            "Try N settings of the head first. Needs the extra `search`. 0: no search.",
            TRAINING,
            metavar="N",
            min=0,
        ),
    ] = 0,
    resume: Annotated[
        bool, _option("--resume", "Resume an interrupted fine-tuning from MODEL.checkpoint.", TRAINING)
    ] = False,
    quantize: Annotated[
        str, _option("--quantize", "The precision: int8, float16, dynamic or float32.", QUANTIZATION, metavar="NAME")
    ] = "int8",
    max_drop: Annotated[
        float,
        _option(
            "--max-drop",
            "The loss of accuracy that is allowed for quantization.",
            QUANTIZATION,
            metavar="SHARE",
            min=0,
            max=1,
        ),
    ] = 0.01,
    force: Annotated[bool, _option("--force", "Write the model even if it loses more.", QUANTIZATION)] = False,
    min_precision: Annotated[
        float,
        _option(
            "--min-precision",
            "The precision that answers should reach. Images with a lower score are labelled unknown. 0: no thresholds.",
            metavar="SHARE",
            min=0,
            max=1,
        ),
    ] = 0.95,
    verbose: Verbose = False,  # noqa: ARG001 - its callback sets the log level
) -> None:
    """Train a network on labelled images, quantize it, and show how accurate it is."""
    from edgecls import convert
    from edgecls.training.backbones import find_backbone
    from edgecls.training.settings import Training, find_fit, find_quantization

    _interrupt_on_signals()
    # Usage errors are reported at once, before the packages of the extra are looked for.
    find_backbone(backbone, input_size)
    find_quantization(quantize)
    find_fit(fit)
    training = Training(
        fine_tune=fine_tune,  # type: ignore[arg-type]  # checked there
        time_budget=parse_duration(time_budget) if time_budget else None,
        epochs=epochs,
        optimizer=optimizer,
        learning_rate=learning_rate,
        batch_size=batch_size,
        label_smoothing=label_smoothing,
        dropout=dropout,
        weight_decay=weight_decay,
        augmentation=augment,
        class_weights=class_weights,
        search=search,
    )
    check_not_input(output, *(add_reviews or ()))
    _check_not_destroyed(output)
    reviewed, missing = reviewed_images(add_reviews, review_images) if add_reviews else ([], [])
    _report_missing(missing)
    with report_folder(report):
        conversion = convert(
            dataset,
            output,
            split_file=split_file,
            group_by=group_by,
            exclude=exclude or (),
            reviewed=reviewed,
            backbone=backbone,
            input_size=input_size,
            fit=fit,
            crop=crop,
            white=white,
            quantization=quantize,
            training=training,
            max_drop=max_drop,
            force=force,
            min_precision=min_precision,
            seed=seed,
            resume=resume,
            progress=Progress(show=True),
        )
        _show(conversion, output, report)
    dataset_used = conversion.dataset
    if dataset_used.skipped or dataset_used.losses or missing or conversion.rejected:
        raise typer.Exit(1)


def _interrupt_on_signals() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C, so that temporary files are removed; `nohup` ignores SIGHUP, which stays."""
    for number in (signal.SIGTERM, system.HANGUP):
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _show(conversion: "Conversion", output: Path, report: Path | None) -> None:
    """Print the figures, and write the report if one is requested."""
    with contextlib.redirect_stdout(sys.stderr) if is_stream(output) else contextlib.nullcontext():
        print_conversion(conversion)
    if report is not None:
        from edgecls.training.report import write_report

        typer.echo(f"report: {write_report(report, conversion)}")
    if conversion.rejected:
        from edgecls.training.precision import rejection

        written = f"{conversion.model.path}, {conversion.chosen.precision}"
        typer.echo(printable(f"edgecls: {rejection(conversion.rejected)}; written instead: {written}"), err=True)


def reviewed_images(databases: Iterable[Path], folder: Path | None) -> tuple[list[tuple[Path, str]], list[str]]:
    """Return the reviewed images of `databases`: (image, label) of those that exist, and the paths of those that do not.

    Images that were reviewed as `unknown` have no label, and are not returned. Raises the errors of `open_results`,
    UsageError where a database has no reviews, and InputNotFound where `folder` or all of the images are missing.
    """
    from edgecls.database.reading import open_results
    from edgecls.records import UNKNOWN
    from edgecls.results.active_learning.images import Images
    from edgecls.results.active_learning.reviews import read_reviewed_frames

    images = Images(folder)
    existing: list[tuple[Path, str]] = []
    missing: list[str] = []
    for database in databases:
        with contextlib.closing(open_results(database)) as db:
            reviews = [review for review in read_reviewed_frames(db) if review.label != UNKNOWN]
        if not reviews:
            raise UsageError(
                f"{database} has no reviews: create some with `edgecls review` or `edgecls harvest`, or omit --add-reviews"
            )
        for review in reviews:
            location = images.find(review.path, review.key, review.config)
            if location:
                existing.append((location[0], review.label))
            else:
                missing.append(review.path or review.key)
    if missing and not existing:
        raise InputNotFound(
            f"none of the {len(missing)} reviewed images exists (the first: {missing[0]}): {_COPY_THEM}"
        )
    return existing, missing


_COPY_THEM = "copy them to this machine, and name their folder with --review-images"


def _check_not_destroyed(output: Path) -> None:
    """Raise UsageError if `output` is a file of another kind, such as a database, which a model would replace.

    A name with the suffix of a model, an empty file, and a file that cannot be read (an error later on) are accepted.
    """
    if output.suffix.lower() == ".tflite" or not output.is_file():
        return
    with contextlib.suppress(OSError), output.open("rb") as file:
        head = file.read(8)
        if head and head[4:] != b"TFL3":  # the identifier of a TFLite flatbuffer
            raise UsageError(f"{output} exists and is not a model: use another name, such as {output.stem}.tflite")


def _report_missing(missing: Sequence[str]) -> None:
    if missing:
        first = printable(missing[0])
        typer.echo(f"edgecls: {len(missing)} reviewed images do not exist (the first: {first}): {_COPY_THEM}", err=True)


@contextlib.contextmanager
def report_folder(folder: Path | None) -> Iterator[None]:
    """Create the folder and check that it is writable, before minutes of work; remove it where the block fails."""
    if folder is None:
        yield
        return
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _make_folder(folder)
        check_writable(folder / "report.html")
        yield
    except BaseException:
        for path in created:
            with contextlib.suppress(OSError):  # not empty
                path.rmdir()
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"cannot create the folder {folder}") from error


def parse_duration(text: str) -> float:
    """Parse `90s`, `10m`, `1.5h` or a number of seconds; return seconds. Raises UsageError."""
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower())
    try:
        seconds = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"invalid duration {text!r}: write 90s, 10m or 1h")
    return seconds
