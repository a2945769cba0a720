"""The networks to choose from. One row in `table.BACKBONES` adds one."""

from edgecls.errors import UsageError
from edgecls.training.backbones.backbone import Backbone
from edgecls.training.backbones.table import BACKBONES

__all__ = ["BACKBONES", "DEFAULT_BACKBONE", "Backbone", "find_backbone"]

DEFAULT_BACKBONE = "efficientnet-lite0"


def find_backbone(name: str, input_size: int | None = None) -> Backbone:
    """The backbone called `name`, for images of `input_size` pixels each way; by default its own size.

    Raises UsageError for a name that is not in the table, and for a size that the network does not take.
    """
    if name not in BACKBONES:
        raise UsageError(f"unknown backbone {name!r} (known: {', '.join(BACKBONES)})")
    found = BACKBONES[name]
    return found if input_size is None else found.at(input_size)
