"""The networks that can be trained: a row in `table.BACKBONES` each."""

from edgecls.errors import UsageError
from edgecls.training.backbones.backbone import Backbone
from edgecls.training.backbones.table import BACKBONES

__all__ = ["BACKBONES", "DEFAULT_BACKBONE", "Backbone", "find_backbone"]

DEFAULT_BACKBONE = "efficientnet-lite0"


def find_backbone(name: str, input_size: int | None = None) -> Backbone:
    """Return the backbone `name` for images of `input_size` pixels per side, by default its own size.

    Raises UsageError for an unknown name, and for a size that the network does not support.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name!r} (known: {', '.join(BACKBONES)})")
    backbone = BACKBONES[name]
    return backbone if input_size is None else backbone.at(input_size)
