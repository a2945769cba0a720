"""The rows that `edgecls backbones` prints, filtered by what a device can run. No TensorFlow here."""

from collections.abc import Sequence
from typing import Any

from edgecls.errors import UsageError
from edgecls.training.backbones.backbone import Backbone
from edgecls.training.backbones.table import BACKBONES

COLUMNS = (
    "name", "input_size", "channels", "parameters", "mmacs", "int8_mb", "top1", "top1_source", "licence", "pretrained",
    "offline",
)  # fmt: skip


def list_backbones(
    *,
    input_size: int | None = None,
    max_mb: float | None = None,
    max_mmacs: float | None = None,
    min_top1: float | None = None,
) -> list[Backbone]:
    """Return the backbones within the limits, at `input_size` if it is given. None is no limit.

    `max_mb` is the size of the int8 network in 10^6 bytes, `max_mmacs` million multiply-adds per image, `min_top1` the
    accuracy on ImageNet in percent; a network without a published figure for that size is not returned. Raises UsageError for
    an input size that no network supports.
    """
    return [
        backbone
        for backbone in _sized(input_size)
        if (max_mb is None or backbone.int8_mb <= max_mb)
        and (max_mmacs is None or backbone.mmacs <= max_mmacs)
        and (min_top1 is None or (backbone.top1 is not None and backbone.top1 >= min_top1))
    ]


def _sized(input_size: int | None) -> Sequence[Backbone]:
    backbones = list(BACKBONES.values())
    if input_size is None:
        return backbones
    fitting = [backbone.at(input_size) for backbone in backbones if backbone.takes(input_size)]
    if not fitting:
        sizes = " or ".join(dict.fromkeys(rule for backbone in backbones for rule in backbone.size_rules))
        raise UsageError(f"no backbone supports images of {input_size} pixels: use {sizes}")
    return fitting


def backbone_row(backbone: Backbone) -> dict[str, Any]:
    """Return the printed row of a backbone, `COLUMNS`. `offline` is true if nothing has to be downloaded on this machine."""
    return {
        "name": backbone.name,
        "input_size": backbone.input_size,
        "channels": backbone.channels,
        "parameters": backbone.parameters,
        "mmacs": round(backbone.mmacs, 1),
        "int8_mb": backbone.int8_mb,
        "top1": backbone.top1,
        "top1_source": backbone.top1_source if backbone.top1 is not None else None,
        "licence": backbone.licence,
        "pretrained": backbone.pretrained,
        "offline": backbone.offline or backbone.cached,
    }
