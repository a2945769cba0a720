import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.bench.timing import LEAST, WARM_UP, quantile, timed


def test_an_action_is_warmed_up_and_then_done_often_enough():
    numbers = []
    timing = timed(numbers.append, 0.0)
    assert numbers == [*range(WARM_UP), *range(LEAST)]
    assert timing.count == LEAST


def test_what_sleeps_takes_time_but_no_processor():
    timing = timed(lambda _: time.sleep(0.002), 0.0)
    assert timing.median_ms >= 2
    assert timing.p99_ms >= timing.median_ms
    assert timing.cpu_ms < timing.median_ms
    assert timing.per_second <= 500


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_quantiles(values, share):
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < share * len(ordered) + 1e-9


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_of_a_hundred(share, value):
    assert quantile(range(1, 101), share) == value
