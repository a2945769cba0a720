"""Find the value that is white in the files of a data set."""

import statistics
from collections.abc import Sequence

from edgecls.errors import UsageError
from edgecls.images.depth import SIXTEEN_BITS, White
from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage

DARK = 16
"""A problem is reported where half of the images do not reach white divided by this."""


def dataset_white(images: Sequence[DatasetImage], override: int | None = None) -> White:
    """Return the white of all images whose files do not name it, or `override` for the deepest of them.

    Raises UsageError where `override` applies to no file, or exceeds what the files can hold.
    """
    whites = {bits: [each.depth.white for each in images if each.depth and each.depth.bits == bits] for bits in (8, 16)}
    white = White(max(whites[8], default=0) or 255, (max(whites[16]) or SIXTEEN_BITS) if whites[16] else None)
    if override is None:
        return white
    if whites[16]:
        return White(white.eight, override)
    if not whites[8]:
        raise UsageError("--white applies to PNG, TIFF, BMP, PGM and .npz, and there are none: omit it")
    if override > 255:
        raise UsageError(f"--white is {override}, but the files have 8 bits, 255 at most: omit it")
    return White(override, white.sixteen)


def describe_white(images: Sequence[DatasetImage], white: White) -> list[Problem]:
    """Return a problem where white is below the maximum of the files' bits, or is hardly reached."""
    problems = []
    for bits, value in ((8, white.eight), (16, white.sixteen)):
        concerned = [each for each in images if each.depth and each.depth.bits == bits]
        if not concerned or value is None:
            continue
        paths = tuple(each.sample.path for each in concerned)
        usual = statistics.median_low([each.depth.white for each in concerned if each.depth])
        if value < 2**bits - 1:
            message = (
                f"the {len(paths)} files of {bits} bits use values up to {value} only: {value} is used as white, also on "
                "the device (--white overrides it)"
            )
            problems.append(Problem("depth", message, paths))
        elif bits == 16 and 0 < usual * DARK <= value:
            message = (
                f"half of the {len(paths)} files of 16 bits have no value above {usual}, while {value} is used as white, so "
                f"they are nearly black: if {usual} is their white, add --white {usual}"
            )
            problems.append(Problem("depth", message, paths))
    return problems
