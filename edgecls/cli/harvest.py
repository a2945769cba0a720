"""`edgecls harvest`: from what was logged to what should be labelled, and back."""

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
"""Images that are gone, named; of more only the number is told."""


def harvest(
    context: typer.Context,
    *,
    db: Db = Path("results.db"),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", readable=False, help="The new folder to put the images into.")
    ] = None,
    import_labels: Annotated[
        Path | None,
        typer.Option(
            "--import-labels",
            metavar="DIR",
            readable=False,
            help="Store where the images of a harvest lie now as reviews.",
        ),
    ] = None,
    new_label: Annotated[
        list[str] | None,
        typer.Option(
            "--new-label",
            metavar="NAME",
            help="With --import-labels: store this label though no model knows it; repeat.",
        ),
    ] = None,
    budget: Annotated[int, typer.Option("--budget", min=1, metavar="N", help="At most so many images.")] = 100,
    random_share: Annotated[
        float | None,
        typer.Option(
            "--random-share",
            min=0,
            max=1,
            metavar="SHARE",
            help="The share drawn by chance; by default all on new ground, little on known.",
        ),
    ] = None,
    per_label: Annotated[
        int | None,
        typer.Option(
            "--per-label", min=1, metavar="N", help="At most so many of a label, if chance does not draw more."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of chance.")] = 0,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", readable=False, help="Where the images are, looked for by name."),
    ] = None,
    label: Label = None,
    device: Device = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Copy the images most worth labelling into folders by predicted label: moving them to their right folder is labelling."""
    if import_labels is not None and out is None:
        unused = [name for name in explicit_options(context) if name not in ("db", "import_labels", "new_label")]
        if unused:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
            raise UsageError(
                f"{options} has no effect on --import-labels, which stores all images of the folder: leave it out"
            )
        _import_labels(import_labels, db, new_label or ())
    elif out is not None and import_labels is None:
        if new_label:
            raise UsageError("--new-label is for --import-labels: leave it out")
        which = filters_of(since, until, label=label, device=device, model=model)
        _harvest(db, out, which, images, random_share, budget=budget, per_label=per_label, seed=seed)
    else:
        raise UsageError("give either --out, a folder to make, or --import-labels, one whose images have been moved")


def _harvest(
    db: Path, out: Path, which: Filters, images: Path | None, random_share: float | None, **request: Any
) -> None:
    from edgecls.database.reading import open_results
    from edgecls.results.active_learning.distribution import Recommendation, recommend_random_share
    from edgecls.results.active_learning.harvest import SampleRequest, rank_candidates, read_candidates
    from edgecls.results.active_learning.harvest_folder import check_out, write_folder
    from edgecls.results.active_learning.images import Images
    from edgecls.results.active_learning.picking import Picker, labels_of_models
    from edgecls.results.queries.names import resolve_names

    check_out(out)
    steps = Progress(show=True)
    with closing(open_results(db)) as database:
        which = resolve_names(database, which)
        recommendation = (
            Recommendation(random_share) if random_share is not None else recommend_random_share(database, which)
        )
        wanted = SampleRequest(random_share=recommendation.random_share, **request)
        with steps.step("looking at rows"):
            order = rank_candidates(read_candidates(database, which), wanted)
        if not order.random:
            raise InputNotFound(
                f"{db} has no row with an image that nobody has reviewed: widen the filters, or log some first"
            )
        if recommendation.reason:
            typer.echo(
                f"edgecls: {recommendation.random_share:.0%} by chance: {printable(recommendation.reason)}", err=True
            )
        picker = Picker(database, Images(images, db), wanted)
        with steps.step("copying images"):
            reasons = write_folder(out, picker.pick(order), labels_of_models(database))
    for path in picker.missing[:SHOWN]:
        typer.echo(f"edgecls: {printable(path)} is gone, or is another image by now: passed over", err=True)
    if len(picker.missing) > SHOWN:
        typer.echo(f"edgecls: {len(picker.missing)} images in all are gone (--images names their folder)", err=True)
    parts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    alike = f"; {picker.look_alikes} that look like one of them passed over" if picker.look_alikes else ""
    typer.echo(f"{out}: {reasons.total()} images ({parts}){alike}")
    if picker.missing:
        raise typer.Exit(1)


def _import_labels(folder: Path, db: Path, new_labels: Sequence[str]) -> None:
    from edgecls.results.active_learning.import_labels import import_labels

    found, changed = import_labels(folder, db, new_labels)
    typer.echo(
        f"{db}: {len(found.reviews)} reviews, {changed} of them new or changed; {found.unsorted} images are still to be "
        f"sorted, {found.removed} were removed"
    )
    for name in found.ambiguous[:SHOWN]:
        typer.echo(f"edgecls: {printable(name)} is in two folders: remove it from one, and imported again", err=True)
    if found.ambiguous:
        typer.echo(f"edgecls: {len(found.ambiguous)} images in two folders: not reviewed", err=True)
        raise typer.Exit(1)
