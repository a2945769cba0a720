"""Whole conversions in this process with a backbone of one convolution, from the fixture `tiny_backbone`."""

import edgecls
from edgecls.training.settings import Training

QUICK = Training(epochs=5, learning_rate=0.5, fine_tune="none")


def convert(data, output, **options):
    return edgecls.convert(data, output, **{"backbone": "tiny", "training": QUICK, **options})
