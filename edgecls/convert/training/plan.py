"""How much of the backbone is trained: as much as the time allows, measured on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from edgecls.convert.settings import Training
from edgecls.convert.training.graph import cut_points, multiply_adds, upper_part

EPOCHS = 15
VIEWS = 6
TOP = 0.6
"""The largest share of the multiply-adds that counts as the top."""
LEAST = 0.04
"""A smaller share is hardly more than the head."""
_FORWARD = 1 / 3
"""Of a training step's time: the backward pass computes two products for each of the forward one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Train all layers above `cut` (None: the whole network) for at most `epochs`; 0 if there is no time for any.

    `share` is the share of the network's multiply-adds above the cut, `seconds` what it is expected to take.
    """

    cut: str | None
    epochs: int
    share: float
    seconds: float

    def __str__(self) -> str:
        if not self.epochs:
            return "the head only: there is no time for more"
        part = "the whole network" if self.cut is None else f"the upper {self.share:.0%} of the network"
        return f"{part} for {self.epochs} epochs, expected to take {self.seconds:.0f} s"


def candidates(network: keras.Model, training: Training) -> list[tuple[str | None, float]]:
    """(cut, share of the multiply-adds above it), the deepest first, of those that `training` allows."""
    total = multiply_adds(network)
    cuts: list[tuple[str | None, float]] = [(None, 1.0)]
    cuts += [(cut, multiply_adds(upper_part(network, cut)) / total) for cut in cut_points(network)]
    if training.fine_tune == "all":
        return cuts[:1]
    most = TOP if training.fine_tune == "top" else 1.0
    fitting = [(cut, share) for cut, share in cuts if LEAST <= share <= most]
    return fitting or cuts[:1]


def make_plan(
    cuts: Sequence[tuple[str | None, float]],
    epochs: int,
    images: tuple[int, int],
    seconds_per_image: float,
    budget: float,
) -> Plan:
    """The deepest of `cuts` that can be trained for `epochs`; where none can, the last one, for as long as there is.

    `images` are how many train and validate; `seconds_per_image` is a training step of the whole network, of which a
    part takes its share; `budget` is in seconds.
    """
    train, validation = images
    for cut, share in cuts:
        an_epoch = share * seconds_per_image * (train + validation * _FORWARD)
        once = 0.0 if cut is None else (1 - share) * seconds_per_image * _FORWARD * (train * VIEWS + validation)
        if once + epochs * an_epoch <= budget:
            return Plan(cut, epochs, share, once + epochs * an_epoch)
    possible = max(0, int((budget - once) / an_epoch))
    return Plan(cut, possible, share, once + possible * an_epoch)
