import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT

from edgecls.training.evaluation.paired_difference import paired_interval, score_statistic

PAGE = ROOT / "docs" / "explanation" / "quantization.md"


@pytest.mark.parametrize(
    ("lost", "gained", "n", "expected"),
    [
        (1, 7, 21, (-0.517, -0.026)),  # airway hyper-responsiveness, Fagerland, Lydersen and Laake (2014)
        (0, 0, 44, (-0.080, 0.080)),  # none discordant: z^2 / (n + z^2)
    ],
)
def test_published_intervals(lost, gained, n, expected):
    assert paired_interval(lost, gained, n, 0.95) == pytest.approx(expected, abs=5e-4)


counts = st.integers(0, 60)


@given(counts, counts, counts)
def test_of_no_difference_it_is_mcnemars(lost, gained, others):
    n = lost + gained + others + 1
    expected = (lost - gained) / math.sqrt(lost + gained) if lost + gained else 0.0
    assert score_statistic(lost, gained, n, 0.0) == pytest.approx(expected)


@given(counts, counts, counts, st.floats(-0.9, 0.9))
def test_it_is_the_other_way_round_for_the_other_model(lost, gained, others, difference):
    n = lost + gained + others + 1
    other = score_statistic(gained, lost, n, -difference)
    assert score_statistic(lost, gained, n, difference) == pytest.approx(-other, rel=1e-6, abs=1e-6)


@given(counts, counts, counts, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_interval_holds_what_was_seen_and_narrows_with_the_images(lost, gained, others, level):
    n = lost + gained + others + 1
    low, high = paired_interval(lost, gained, n, level)
    assert -1 <= low <= (lost - gained) / n <= high <= 1
    more = paired_interval(10 * lost, 10 * gained, 10 * n, level)
    assert more[1] - more[0] < high - low


def test_the_examples_of_the_page():
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.endswith("ed |")]
    rows = [row for row in rows if row[-1] in ("accepted", "rejected")]
    assert len(rows) == 4
    for n, lost, gained, loss, interval, verdict in rows:
        low, high = paired_interval(int(lost), int(gained), int(n), 0.9)
        assert f"{low:.3f} to {high:.3f}" == interval
        assert f"{(int(lost) - int(gained)) / int(n):.3f}" == loss
        assert verdict == ("rejected" if low > 0.01 else "accepted")
