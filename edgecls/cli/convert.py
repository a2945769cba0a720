"""`edgecls convert`. TensorFlow is imported by `edgecls.training`, not before."""

import contextlib
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls import system
from edgecls.cli.data_options import Dataset, Exclude, GroupBy, SplitFile, Verbose
from edgecls.cli.output import OutputFormat, printable, write_rows
from edgecls.errors import InputNotFound, UsageError, from_os_error
from edgecls.files import check_not_input, check_writable, is_stream
from edgecls.progress import Progress

TRAINING, QUANTIZATION = "Training", "Quantization"
"""Panels of the help."""

FIGURES = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
"""Of the float and the quantized model, in the table."""


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
        _option(
            "--add-reviews", "Train on what was reviewed in this results database too; may be repeated.", metavar="DB"
        ),
    ] = None,
    review_images: Annotated[
        Path | None,
        _option(
            "--review-images",
            "Where the reviewed images are, looked for by name; else where the device saw them.",
            metavar="DIR",
        ),
    ] = None,
    backbone: Annotated[
        str, _option("--backbone", "The pretrained network: see edgecls backbones.")
    ] = "efficientnet-lite0",
    input_size: Annotated[
        int | None, _option("--input-size", "Pixels each way, of backbones that allow it.", metavar="PIXELS", min=1)
    ] = None,
    fit: Annotated[
        str,
        _option(
            "--fit",
            "Of images that are not square: crop (their middle), stretch, pad (all of them), or auto: crop, unless much "
            "is lost by it.",
        ),
    ] = "auto",
    crop: Annotated[
        float | None,
        _option("--crop", "The central share of each side of that; 1: all of it.", metavar="SHARE", min=0.1, max=1),
    ] = None,
    white: Annotated[
        int | None,
        _option(
            "--white",
            "The value that is white in files of 16 bits or an .npz, such as 4095; by default found.",
            min=1,
            max=65535,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        _option("--report", "Write report.html, with charts and the worst mistakes, to this folder.", metavar="DIR"),
    ] = None,
    seed: Annotated[int, _option("--seed", "Of splits, weights, order and views.", min=0, max=2**32 - 1)] = 0,
    fine_tune: Annotated[
        str,
        _option(
            "--fine-tune", "How much of the backbone: none, top, all, or auto: as much as there is time for.", TRAINING
        ),
    ] = "auto",
    time_budget: Annotated[
        str | None,
        _option("--time-budget", "What training is planned by, such as 90s, 10m or 1h; 10m with auto.", TRAINING),
    ] = None,
    epochs: Annotated[
        int | None,
        _option("--epochs", "The most of the last phase; by default 15, or 60 of a head only.", TRAINING, min=1),
    ] = None,
    optimizer: Annotated[
        str | None, _option("--optimizer", "adam, adamw, sgd or rmsprop; of the last phase.", TRAINING)
    ] = None,
    learning_rate: Annotated[
        float | None,
        _option("--learning-rate", "The highest, after warm-up; of the last phase.", TRAINING, min=1e-7, max=10.0),
    ] = None,
    batch_size: Annotated[int, _option("--batch-size", "Images a step.", TRAINING, min=1)] = 32,
    label_smoothing: Annotated[
        float | None,
        _option("--label-smoothing", "Share of each target spread over all classes.", TRAINING, min=0, max=0.9),
    ] = None,
    dropout: Annotated[
        float, _option("--dropout", "Share of the features hidden at each step.", TRAINING, min=0, max=0.95)
    ] = 0.2,
    weight_decay: Annotated[float, _option("--weight-decay", "Of adamw and sgd.", TRAINING, min=0, max=1)] = 1e-4,
    augment: Annotated[
        str,
        _option(
            "--augment",
            "Views to fine-tune on: none, photo, aligned, inspection, digits, or auto: found out.",
            TRAINING,
        ),
    ] = "auto",
    class_weights: Annotated[
        bool, _option("--class-weights/--no-class-weights", "Whether rare classes weigh more.", TRAINING)
    ] = True,
    search: Annotated[
        int, _option("--search", "Try so many settings of the head first; needs the extra `search`.", TRAINING, min=0)
    ] = 0,
    resume: Annotated[
        bool, _option("--resume", "Go on with an interrupted fine-tuning, from MODEL.checkpoint.", TRAINING)
    ] = False,
    quantize: Annotated[str, _option("--quantize", "int8, float16, dynamic or float32.", QUANTIZATION)] = "int8",
    max_drop: Annotated[
        float, _option("--max-drop", "The accuracy that quantization may cost.", QUANTIZATION, min=0, max=1)
    ] = 0.01,
    force: Annotated[bool, _option("--force", "Write the model even if it costs more.", QUANTIZATION)] = False,
    min_precision: Annotated[
        float,
        _option(
            "--min-precision", "Of what is answered; what is less sure is unknown. 0: all is answered.", min=0, max=1
        ),
    ] = 0.95,
    verbose: Verbose = False,  # noqa: ARG001 - its callback sets the level of the log
) -> None:
    """Fine-tune a pretrained network on labelled images, quantize it, and show how good it is."""
    from edgecls import convert
    from edgecls.training.backbones import find_backbone
    from edgecls.training.settings import Training, find_fit, find_quantization

    for number in (signal.SIGTERM, system.HANGUP):
        if number and signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)  # so that gigabytes of caches are removed then, too
    find_backbone(backbone, input_size)  # a slip is told at once, before the packages of the workstation are looked for
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
    _tell_missing(missing)
    with report_folder(report):
        done = convert(
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
        precision = done.model.info.quantization if done.model.info else quantize
        with contextlib.redirect_stdout(sys.stderr) if is_stream(output) else contextlib.nullcontext():
            _print_conversion(done, precision)
        if report is not None:
            from edgecls.training.report import write_report

            page = write_report(report, done)
    if report is not None:
        typer.echo(f"{page}: the report")
    if done.rejected:
        from edgecls.training.precision import rejection

        line = f"edgecls: {rejection(done.rejected)}; written instead: {done.model.path}, {precision}"
        typer.echo(printable(line), err=True)
    if done.dataset.skipped or done.dataset.losses or missing or done.rejected:
        raise typer.Exit(1)


def reviewed_images(databases: Iterable[Path], folder: Path | None) -> tuple[list[tuple[Path, str]], list[str]]:
    """((image, label) of what was reviewed in `databases`, paths of those whose image is gone or another by now).

    The review `unknown` is no label. Raises the errors of `open_results`, UsageError where a database has no reviews,
    and InputNotFound where there is no `folder`, or none of the images is found.
    """
    from edgecls.database.reading import open_results
    from edgecls.records import UNKNOWN
    from edgecls.results.active_learning.images import Images
    from edgecls.results.active_learning.reviews import reviewed

    images = Images(folder)
    found: list[tuple[Path, str]] = []
    missing: list[str] = []
    for database in databases:
        with contextlib.closing(open_results(database)) as db:
            said = [each for each in reviewed(db) if each.label != UNKNOWN]
        if not said:
            raise UsageError(f"{database} has no reviews: see edgecls harvest, or leave --add-reviews out")
        for each in said:
            place = images.find(each.path, each.key, each.config)
            if place:
                found.append((place[0], each.label))
            else:
                missing.append(each.path or each.key)
    if missing and not found:
        raise InputNotFound(f"none of {len(missing)} reviewed images is found, not {missing[0]}: {_WHERE}")
    return found, missing


_WHERE = "copy them here, and name their folder with --review-images"


def _check_not_destroyed(output: Path) -> None:
    """Raise UsageError if `output` is a file of another kind, such as a database: a slip, and a model would replace it.

    A name with the suffix of a model, an empty file, and what cannot be read (which is refused later on) are no slip.
    """
    if output.suffix.lower() == ".tflite" or not output.is_file():
        return
    with contextlib.suppress(OSError), output.open("rb") as file:
        head = file.read(8)
        if head and head[4:] != b"TFL3":  # the identifier of a TFLite flatbuffer
            raise UsageError(f"{output} exists, and is not a model: name another file, such as {output.stem}.tflite")


def _tell_missing(missing: Sequence[str]) -> None:
    if missing:
        first = printable(missing[0])
        typer.echo(f"edgecls: {len(missing)} reviewed images are not found, the first {first}: {_WHERE}", err=True)


@contextlib.contextmanager
def report_folder(folder: Path | None) -> Iterator[None]:
    """Make it, and see whether it can be written to: before minutes of work, not after. What fails leaves none behind."""
    if folder is None:
        yield
        return
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _make_folder(folder)
        check_writable(folder / "report.html")
        yield
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):  # there is something in it
                path.rmdir()
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"cannot make the folder {folder}") from error


def parse_duration(text: str) -> float:
    """`90s`, `10m`, `1.5h`, or a number of seconds -> seconds. Raises UsageError."""
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower())
    try:
        seconds = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{text!r} is no duration: write 90s, 10m or 1h")
    return seconds


def _print_conversion(done: Any, quantization: str) -> None:
    _print_data(done.dataset, done.weights)
    rows = [
        {"on the test images": name, **{figure: f"{getattr(evaluation, figure):.4f}" for figure in FIGURES}}
        for name, evaluation in (("float32", done.float_evaluation), (quantization, done.evaluation))
    ]
    write_rows(("on the test images", *FIGURES), rows, OutputFormat.table)
    typer.echo()
    _print_trust(done, quantization)
    seconds = [{"step": step, "seconds": f"{value:.1f}"} for step, value in done.seconds.items()]
    seconds.append({"step": "total", "seconds": f"{sum(done.seconds.values()):.1f}"})
    write_rows(("step", "seconds"), seconds, OutputFormat.table)
    typer.echo()
    typer.echo(f"{done.model.path}: {done.model.size / 1e6:.2f} MB, sha256 {done.model.sha256[:12]}…")


def _print_data(data: Any, weights: Mapping[str, float]) -> None:
    counts = data.counts()
    classes = [
        {"class": label, **{split: counts[split][label] for split in counts}, "weight": f"{weights[label]:.2f}"}
        for label in data.labels
    ]
    classes.append({"class": "total", **{split: sum(counts[split].values()) for split in counts}})
    write_rows(("class", *counts, "weight"), classes, OutputFormat.table)
    if data.added:
        typer.echo(f"of these, {data.added} were reviewed: added to the data set's own")
    if data.skipped:
        undecodable = len(data.of_kind("undecodable"))
        untrained = sum(len(problem.paths) for problem in data.of_kind("class left out"))
        copies = len(data.skipped) - undecodable - untrained
        more = f", {untrained} of classes without training images" if untrained else ""
        typer.echo(f"left out: {undecodable} that do not decode, {copies} copies{more}")
    typer.echo()


def _print_trust(done: Any, quantization: str) -> None:
    """In sentences: what was trained, what quantization cost, and how far the scores can be believed."""
    low, high = done.evaluation.accuracy_interval
    gate, coverage = done.gate, done.coverage
    if done.trials:
        best = min(done.trials, key=lambda trial: trial["validation_loss"])
        typer.echo(
            f"searched: the best of {len(done.trials)} settings of the head has a validation loss of "
            f"{best['validation_loss']:.4f}, those given {done.trials[0]['validation_loss']:.4f}"
        )
    typer.echo(f"trained: {done.plan}; views: {done.settings['augmentation']}; fit: {done.settings['fit']}")
    typer.echo(f"accuracy of {quantization}: between {low:.3f} and {high:.3f} (95 %)")
    allowed = done.max_drop
    one_image = " (one image)" if gate.by_one_image(allowed) else ""
    typer.echo(
        f"{quantization} and float32 agree on {gate.agreement:.1%} of the images; it costs {gate.drop:+.4f}{one_image}"
    )
    chance = f", so the {allowed:g} allowed may have been kept" if done.passed and not gate.within(allowed) else ""
    typer.echo(f"what it costs lies between {_interval(gate)}{chance}")
    if done.refit_tried:
        kept = "kept" if done.head_refitted else "discarded, since its scores were farther from float32"
        typer.echo(f"refitted head, tried because {quantization} lost more than allowed: {kept}")
    if done.rejected:
        refused = done.rejected
        typer.echo(
            f"{refused.quantization} costs {refused.gate.drop:+.4f}, between {_interval(refused.gate)}: more than the "
            f"{allowed:g} allowed, so it was not written"
        )
    if not done.passed:
        typer.echo(f"it costs more than the {allowed:g} allowed: written all the same, since --force was given")
    before, after = done.validation_ece
    typer.echo(f"temperature {done.temperature:.2f}: calibration error {before:.3f} before, {after:.3f} after")
    before, after = done.test_ece
    typer.echo(f"on the test images, in float: {before:.3f} before, {after:.3f} after")
    if done.thresholds.by_label:
        precision = "" if coverage.precision is None else f", right in {coverage.precision:.1%} of them"
        typer.echo(f"with its thresholds it answers {coverage.answered:.1%} of the test images{precision}")
        for line in done.never_answered:
            typer.echo(line)
    typer.echo()


def _interval(gate: Any) -> str:
    low, high = gate.interval
    return f"{low:+.4f} and {high:+.4f} (90 %)"
