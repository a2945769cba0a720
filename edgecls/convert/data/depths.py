"""Which value is white in the files of a data set."""

import statistics
from collections.abc import Sequence

from edgecls.convert.data.examine import Image
from edgecls.convert.data.problems import Problem
from edgecls.depth import SIXTEEN_BITS, White
from edgecls.errors import UsageError

DARK = 16
"""Where half of the images do not reach a part of white that is so small, that is told."""


def common_white(images: Sequence[Image], given: int | None = None) -> White:
    """Return what is white in all images that do not say so themselves, or `given`, which is of the deepest of them.

    Raises UsageError where there is nothing that `given` can be about, or it is more than the files can hold.
    """
    found = {bits: [each.depth.white for each in images if each.depth and each.depth.bits == bits] for bits in (8, 16)}
    white = White(max(found[8], default=0) or 255, (max(found[16]) or SIXTEEN_BITS) if found[16] else None)
    if given is None:
        return white
    if found[16]:
        return White(white.eight, given)
    if not found[8]:
        raise UsageError("--white is about PNG, TIFF, BMP, PGM and .npz, and there are none: leave it out")
    if given > 255:
        raise UsageError(f"--white is {given}, and the files have 8 bits, 255 at most: leave it out")
    return White(given, white.sixteen)


def describe_white(images: Sequence[Image], white: White) -> list[Problem]:
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
                f"{len(paths)} files of {bits} bits have values up to {value}, which becomes white, here and on the "
                "device: --white says otherwise"
            )
            problems.append(Problem("depth", message, paths))
        elif bits == 16 and 0 < usual * DARK <= value:
            message = (
                f"in half of the {len(paths)} files of 16 bits no value is above {usual}, while {value} is white: they "
                f"are nearly black: if {usual} is their white, add --white {usual}"
            )
            problems.append(Problem("depth", message, paths))
    return problems
