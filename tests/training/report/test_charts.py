import numpy as np
import pytest

from edgecls.training.evaluation.curves import CoverageCurve, PrecisionRecall, reliability_bins
from edgecls.training.report import charts
from edgecls.training.settings import Epoch


def curve(n):
    line = np.linspace(0, 1, n)
    return PrecisionRecall("cat", line, line, 1 - line, 0.5)


def test_a_curve_of_many_images_is_thinned():
    few, many = (len(charts.draw_precision_recall([curve(n)])) for n in (400, 40_000))
    assert many < 1.1 * few


def test_no_more_curves_than_colours():
    full = charts.draw_precision_recall([curve(5)] * len(charts.COLOURS))
    assert charts.draw_precision_recall([curve(5)] * 50) == full


@pytest.mark.parametrize("loss", [0.0, float("nan"), float("inf")])
def test_losses_that_went_wrong_are_drawn_all_the_same(loss):
    history = [Epoch("head", n, loss, loss, 0.5) for n in (1, 2)]
    assert charts.draw_losses(history).startswith("<svg")
    assert charts.draw_accuracies(history[:1]).startswith("<svg")


def test_the_phases_are_marked():
    history = [Epoch("head", 1, 1, 1, 0.5), Epoch("fine-tuning", 1, 1, 1, 0.5)]
    assert "fine-tuning" in charts.draw_losses(history)
    assert "fine-tuning" not in charts.draw_losses(history[:1])


def test_one_bin_and_one_image():
    found = reliability_bins(np.array([1.0]), np.array([True]))
    assert charts.draw_reliability(found, found).startswith("<svg")
    one = np.array([1.0])
    assert charts.draw_coverage(CoverageCurve(one, one, one), None, 0.0).startswith("<svg")
