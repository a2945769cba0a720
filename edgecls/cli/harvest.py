"""The command `harvest`: copy the images most worth labelling into folders, and import their labels."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db, Device, Label, Model, Since, Until, explicit_options, filters_of
from edgecls.errors import InputNotFound, UsageError
from edgecls.progress import Progress
from edgecls.results.queries.filters import Filters

SHOWN = 3
"""The number of problems that are listed; the others are only counted."""


def harvest(
    context: typer.Context,
    *,
    db: Db = Path("results.db"),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", readable=False, help="Copy images into this new folder.")
    ] = None,
    import_labels: Annotated[
        Path | None,
        typer.Option(
            "--import-labels",
            metavar="DIR",
            readable=False,
            help="Store the labels of the images in this folder, which `harvest --out` made, as reviews.",
        ),
    ] = None,
    new_label: Annotated[
        list[str] | None,
        typer.Option(
            "--new-label",
            metavar="LABEL",
            help="With --import-labels: accept this label, which no model has. May be repeated.",
        ),
    ] = None,
    budget: Annotated[int, typer.Option("--budget", min=1, metavar="N", help="The maximum number of images.")] = 100,
    random_share: Annotated[
        float | None,
        typer.Option(
            "--random-share",
            min=0,
            max=1,
            metavar="SHARE",
            help="The share of images drawn at random. Default: 1 if the labels have drifted, else 0.15 to 0.5.",
        ),
    ] = None,
    per_label: Annotated[
        int | None,
        typer.Option(
            "--per-label",
            min=1,
            metavar="N",
            help="The maximum number of images with one predicted label, not counting random ones.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The seed of the random selection.")] = 0,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            readable=False,
            help="The folder with the images, found by name. Default: where the device saw them.",
        ),
    ] = None,
    label: Label = None,
    device: Device = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Copy the images most worth labelling into folders by predicted label.

    To label an image, move it to the folder of its correct label. Then import the folder with --import-labels.
    """
    if import_labels is not None and out is None:
        unused = [name for name in explicit_options(context) if name not in ("db", "import_labels", "new_label")]
        if unused:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
            raise UsageError(
                f"{options} has no effect with --import-labels, which stores the labels of all images: omit it"
            )
        _import_labels(import_labels, db, new_label or ())
    elif out is not None and import_labels is None:
        if new_label:
            raise UsageError("--new-label needs --import-labels: omit it")
        filters = filters_of(since, until, label=label, device=device, model=model)
        _harvest(db, out, filters, images, random_share, budget=budget, per_label=per_label, seed=seed)
    else:
        raise UsageError("name a new folder with --out, or a folder with sorted images with --import-labels")


def _harvest(
    db: Path, out: Path, filters: Filters, images: Path | None, random_share: float | None, **options: Any
) -> None:
    from edgecls.database.reading import open_results
    from edgecls.results.active_learning.distribution import Recommendation, recommend_random_share
    from edgecls.results.active_learning.harvest import SampleRequest, rank_candidates, read_candidates
    from edgecls.results.active_learning.harvest_folder import check_out, write_folder
    from edgecls.results.active_learning.images import Images
    from edgecls.results.active_learning.picking import Picker
    from edgecls.results.queries.names import labels_of_models, resolve_names

    check_out(out)
    progress = Progress(show=True)
    with closing(open_results(db)) as database:
        filters = resolve_names(database, filters)
        recommendation = (
            Recommendation(random_share) if random_share is not None else recommend_random_share(database, filters)
        )
        request = SampleRequest(random_share=recommendation.random_share, **options)
        with progress.step("reading rows"):
            order = rank_candidates(read_candidates(database, filters), request)
        if not order.random:
            raise InputNotFound(
                f"{db} has no unreviewed row with an image: widen the filters, or classify more images first"
            )
        if recommendation.reason:
            typer.echo(
                f"edgecls: {recommendation.random_share:.0%} at random: {printable(recommendation.reason)}", err=True
            )
        picker = Picker(database, Images(images, db), request)
        with progress.step("copying images"):
            reasons = write_folder(out, picker.pick(order), labels_of_models(database))
    for path in picker.missing[:SHOWN]:
        typer.echo(f"edgecls: skipped {printable(path)}: it is missing, or its content has changed", err=True)
    if len(picker.missing) > SHOWN:
        typer.echo(
            f"edgecls: {len(picker.missing)} images are missing or changed: name their folder with --images", err=True
        )
    parts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    alike = f"; skipped {picker.look_alikes} similar images" if picker.look_alikes else ""
    typer.echo(f"{out}: {reasons.total()} images ({parts}){alike}")
    if picker.missing:
        raise typer.Exit(1)


def _import_labels(folder: Path, db: Path, new_labels: Sequence[str]) -> None:
    from edgecls.results.active_learning.import_labels import import_labels

    imported, changed = import_labels(folder, db, new_labels)
    typer.echo(
        f"{db}: {len(imported.reviews)} reviews, {changed} of them new or changed; {imported.unsorted} images are not sorted "
        f"yet, {imported.removed} were removed"
    )
    for name in imported.ambiguous[:SHOWN]:
        typer.echo(f"edgecls: {printable(name)} is in two folders: remove it from one, and import again", err=True)
    if imported.ambiguous:
        typer.echo(f"edgecls: {len(imported.ambiguous)} images are in two folders: no reviews stored", err=True)
        raise typer.Exit(1)
