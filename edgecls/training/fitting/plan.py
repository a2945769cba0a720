"""How much of the backbone is trained: as much as the time allows, measured on the spot."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from edgecls.training.fitting.graph import cut_points, network_multiply_adds, upper_part
from edgecls.training.settings import Training

EPOCHS = 15
ENOUGH = 8
"""Epochs for which more of the network is worth it: docs/how-to/train.md has what was measured."""
CACHE = 8e9
"""The most bytes of disk that views of the images take."""
TOP = 0.6
"""The largest share of the multiply-adds that is trained unless all of them are asked for. With more, the accuracy on
a few thousand images falls again (ELPV, two points), for edges and textures are learnt better from ImageNet's million."""
LEAST = 0.04
"""A smaller share is hardly more than the head."""
BYTES = 2
"""Of a number that is kept: float16."""
_FORWARD = 1 / 3
"""Of a training step's time: the backward pass computes two products for each of the forward one."""
_AFTERWARDS = (5.0, 300.0, 0.15)
"""Seconds for what takes as long with any network; then, in training steps of one image, for rounding and calibrating,
and for each image that float and int8 are measured on. About twice what an idle machine with two cores takes for
EfficientNet-Lite0."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Between the frozen and the trained part: the output of the layer `layer`; None: the whole network is trained.

    `share` is the share of the network's multiply-adds above it, `size` how many numbers are kept of each view. The
    time has other shares: early layers, with few channels and many positions, take longer for each multiply-add.
    """

    layer: str | None
    share: float
    size: int = 0


@dataclass(frozen=True, slots=True)
class FineTuningPlan:
    """Train all layers above `cut` (None: the whole network) for at most `epochs`; 0 if there is no time for any.

    `views` is how many of each image are kept, `share` the share of the network's multiply-adds above the cut,
    `seconds` what it is expected to take.
    """

    cut: str | None
    epochs: int
    views: int
    share: float
    seconds: float

    def __str__(self) -> str:
        if not self.epochs:
            return "the head only: there is no time for more"
        part = "the whole network" if self.cut is None else f"the upper {self.share:.0%} of the network"
        return f"{part} for {self.epochs} epochs, expected to take {self.seconds:.0f} s"


def candidate_cuts(network: keras.Model, training: Training) -> list[Cut]:
    """The cuts that `training` allows, the deepest first."""
    total = network_multiply_adds(network)
    everything = Cut(None, 1.0)
    if training.fine_tune == "all":
        return [everything]
    cuts = [everything]
    for name in cut_points(network):
        size = int(np.prod(network.get_layer(name).output.shape[1:]))
        cuts.append(Cut(name, network_multiply_adds(upper_part(network, name)) / total, size))
    return [cut for cut in cuts if LEAST <= cut.share <= TOP] or [everything]


def seconds_afterwards(seconds_per_image: float, tested: int) -> float:
    """What quantizing and measuring will take: for EfficientNet-Lite0 on 2 cores some 50 s, for a small network 6."""
    fixed, quantizing, measuring = _AFTERWARDS
    return fixed + seconds_per_image * (quantizing + measuring * tested)


def make_plan(
    cuts: Sequence[Cut],
    epochs: int,
    images: tuple[int, int],
    seconds: Callable[[Cut], tuple[float, float]],
    budget: float,
    room: float,
) -> FineTuningPlan:
    """The deepest of `cuts` that can be trained for enough epochs, at most `epochs`; where none can, the last one, for as many as there is time.

    `images` are how many train and validate; `seconds` measures, for an image, a training step above a cut, and one look
    through what is below it; `budget` is in seconds. Each epoch has a view of its own of each image, as far as they fit
    into `room` bytes.
    """
    train, validation = images
    plan = FineTuningPlan(None, 0, 1, 0.0, 0.0)
    for cut in cuts:
        step, look = seconds(cut)
        most = max(1, min(epochs, int(room / (BYTES * cut.size * train)))) if cut.layer else epochs
        an_epoch = step * (train + validation * _FORWARD)
        possible = _possible(epochs, most, an_epoch, look * train, budget - look * validation)
        views = min(most, max(1, possible))
        once = look * (train * views + validation)
        plan = FineTuningPlan(cut.layer, possible, views, cut.share, once + possible * an_epoch)
        if possible >= min(ENOUGH, epochs):
            break
    return plan


def _possible(epochs: int, views: int, an_epoch: float, a_view: float, budget: float) -> int:
    """How many epochs there is time for, the first `views` of which need a view of their own."""
    if math.isinf(budget):
        return epochs
    with_views = int(budget / (an_epoch + a_view))
    if with_views > views:
        with_views = max(views, int((budget - views * a_view) / an_epoch))
    return max(0, min(epochs, with_views))
