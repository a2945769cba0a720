"""Find the value that is white in the files of a data set."""

import statistics
from collections.abc import Sequence

from edgecls.errors import UsageError
from edgecls.images.depth import SIXTEEN_BITS, White
from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage

DARK = 16
"""Where half of the images do not reach a part of white that is so small, that is told."""


def dataset_white(images: Sequence[DatasetImage], given: int | None = None) -> White:
    """Return what is white in all images that do not say so themselves, or `given`, which is of the deepest of them.

    Raises UsageError where there is nothing that `given` can be about, or it is more than the files can hold.
    """
    whites = {bits: [each.depth.white for each in images if each.depth and each.depth.bits == bits] for bits in (8, 16)}
    white = White(max(whites[8], default=0) or 255, (max(whites[16]) or SIXTEEN_BITS) if whites[16] else None)
    if given is None:
        return white
    if whites[16]:
        return White(white.eight, given)
    if not whites[8]:
        raise UsageError("--white is about PNG, TIFF, BMP, PGM and .npz, and there are none: leave it out")
    if given > 255:
        raise UsageError(f"--white is {given}, and the files have 8 bits, 255 at most: leave it out")
    return White(given, white.sixteen)


def describe_white(images: Sequence[DatasetImage], white: White) -> list[Problem]:
    """Return a line where white is not what the bits of the files can hold, or is hardly reached."""
    problems = []
    for bits, value in ((8, white.eight), (16, white.sixteen)):
        concerned = [each for each in images if each.depth and each.depth.bits == bits]
        if not concerned or value is None:
            continue
        paths = tuple(each.sample.path for each in concerned)
        usual = statistics.median_low([each.depth.white for each in concerned if each.depth])
        if value < 2**bits - 1:
            message = (
                f"the {len(paths)} files of {bits} bits use values up to {value} only: {value} is taken as white, also on "
                "the device (--white overrides it)"
            )
            problems.append(Problem("depth", message, paths))
        elif bits == 16 and 0 < usual * DARK <= value:
            message = (
                f"half of the {len(paths)} files of 16 bits have no value above {usual}, and {value} is taken as white: "
                f"they are nearly black: if {usual} is their white, add --white {usual}"
            )
            problems.append(Problem("depth", message, paths))
    return problems
