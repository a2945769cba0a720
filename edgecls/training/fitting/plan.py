"""Plan how much of the backbone is trained: as much as the time allows, measured on this machine."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from edgecls.training.fitting.graph import cut_points, network_multiply_adds, upper_part

ENOUGH_EPOCHS = 8
"""With fewer epochs, a smaller part of the network gives better accuracy: measurements are in docs/how-to/train.md."""
MAX_CACHE_BYTES = 8e9
"""The maximum disk space of cached activations."""
TOP = 0.6
"""The largest share of the multiply-adds that `top` and `auto` train. With more, the accuracy on a few thousand images falls
(ELPV, two points): edges and textures are better learnt from ImageNet's million images."""
MIN_SHARE = 0.04
"""A smaller share is hardly more than the head."""
BYTES = 2
"""Bytes of one cached number, a float16."""
_FORWARD = 1 / 3
"""The forward pass's share of a training step: the backward pass computes two products for each of the forward one."""
_AFTERWARDS = (5.0, 300.0, 0.15)
"""Seconds that any network takes; then, in training steps of one image, the cost of rounding and calibration, and of each
image on which the float and the int8 model are measured. About twice what an idle machine with two cores needs for
EfficientNet-Lite0."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A boundary between the frozen and the trained part of a network.

    Attributes:
        layer: The layer whose output feeds the trained part; None where the whole network is trained.
        share: The trained part's share of the multiply-adds. Its share of the time differs: early layers, with few
            channels and many positions, take longer per multiply-add.
        size: How many numbers are cached per image.
    """

    layer: str | None
    share: float
    size: int = 0


@dataclass(frozen=True, slots=True)
class FineTuningPlan:
    """Train all layers above `cut` (None: the whole network) for at most `epochs`; 0 epochs where there is no time.

    `variants` is the number of augmented variants that are cached of each image, `share` the trained share of the
    multiply-adds, `seconds` the expected duration.
    """

    cut: str | None
    epochs: int
    variants: int
    share: float
    seconds: float

    def __str__(self) -> str:
        if not self.epochs:
            return "the head only: the time budget leaves no time for fine-tuning"
        part = "the whole network" if self.cut is None else f"the upper {self.share:.0%} of the network"
        return f"{part} for {self.epochs} epochs, expected to take {self.seconds:.0f} s"


def candidate_cuts(network: keras.Model, *, whole: bool) -> list[Cut]:
    """Return the cuts to choose from, the deepest first; only the whole network with `whole`."""
    everything = Cut(None, 1.0)
    if whole:
        return [everything]
    total = network_multiply_adds(network)
    cuts = [everything]
    for name in cut_points(network):
        size = int(np.prod(network.get_layer(name).output.shape[1:]))
        cuts.append(Cut(name, network_multiply_adds(upper_part(network, name)) / total, size))
    return [cut for cut in cuts if MIN_SHARE <= cut.share <= TOP] or [everything]


def seconds_afterwards(seconds_per_image: float, test_count: int) -> float:
    """Estimate the time for quantization and evaluation: some 50 s for EfficientNet-Lite0 on 2 cores, 6 for a small one.

    `seconds_per_image` is the time of a training step of the whole network.
    """
    fixed, quantizing, measuring = _AFTERWARDS
    return fixed + seconds_per_image * (quantizing + measuring * test_count)


def make_plan(
    cuts: Sequence[Cut],
    epochs: int,
    images: tuple[int, int],
    measure_seconds: Callable[[Cut], tuple[float, float]],
    budget: float,
    room: float,
) -> FineTuningPlan:
    """Return the deepest of `cuts` for which there is time for enough epochs, else the last for as many as possible.

    Each epoch gets its own augmented variant of each image, as far as these fit into `room`.

    Args:
        cuts: The cuts to choose from, the deepest first.
        epochs: The maximum number of epochs.
        images: The number of training and of validation images.
        measure_seconds: Measures, per image, a training step above a cut and an inference below it.
        budget: Seconds.
        room: Bytes for cached activations.
    """
    train, validation = images
    plan = FineTuningPlan(None, 0, 1, 0.0, 0.0)
    for cut in cuts:
        step, inference = measure_seconds(cut)
        max_variants = max(1, min(epochs, int(room / (BYTES * cut.size * train)))) if cut.layer else epochs
        epoch_seconds = step * (train + validation * _FORWARD)
        affordable = _affordable_epochs(
            epochs, max_variants, epoch_seconds, inference * train, budget - inference * validation
        )
        variants = min(max_variants, max(1, affordable))
        cache_seconds = inference * (train * variants + validation)
        plan = FineTuningPlan(cut.layer, affordable, variants, cut.share, cache_seconds + affordable * epoch_seconds)
        if affordable >= min(ENOUGH_EPOCHS, epochs):
            break
    return plan


def _affordable_epochs(epochs: int, variants: int, epoch_seconds: float, variant_seconds: float, budget: float) -> int:
    """Return for how many epochs there is time; each of the first `variants` needs a variant of its own."""
    if math.isinf(budget):
        return epochs
    affordable = int(budget / (epoch_seconds + variant_seconds))
    if affordable > variants:
        affordable = max(variants, int((budget - variants * variant_seconds) / epoch_seconds))
    return max(0, min(epochs, affordable))
