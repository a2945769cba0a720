"""The drawing and the number formats of the pages."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("datasette", reason="the extra serve is not installed")

from edgecls.results.web.chart import HEIGHT, MAX_COLOURS, period_names, round_up, stacked
from edgecls.results.web.template_filters import ago, format_top_k, percent, short, when

labels = st.text(max_size=3) | st.sampled_from(["unknown", "", "a", "b"])
counts = st.dictionaries(st.sampled_from("wxyz"), st.dictionaries(labels, st.integers(1, 10**7), max_size=12))


@given(counts)
def test_the_bars_of_a_span_are_as_high_as_its_rows(given_counts):
    chart = stacked(given_counts, list("wxyz"))
    for place, span in enumerate("wxyz"):
        rows = sum(given_counts.get(span, {}).values())
        drawn = [bar for bar in chart.bars if round(bar.x / 250 - 0.1) == place]
        assert sum(bar.height for bar in drawn) == pytest.approx(rows / max(1, chart.top) * HEIGHT, abs=0.01)
        assert all(bar.y >= -0.01 for bar in drawn)
    assert sum(rows for *_, rows in chart.legend) == sum(sum(each.values()) for each in given_counts.values())
    assert len(chart.legend) <= MAX_COLOURS + 3


@given(st.integers(0, 10**12))
def test_a_scale_ends_at_a_number_that_reads_well(most):
    top = round_up(most)
    assert most <= top <= 2 * max(1, most)
    assert str(top).rstrip("0") in {"1", "15", "2", "3", "4", "5", "6", "8"}


@given(st.integers(0, 10 * 366 * 24 * 3600), st.integers(0, 400))
def test_no_day_or_month_is_left_out(first, days):
    first = datetime(2020, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=first)
    last = first + timedelta(days=days)
    found = period_names(first, last, "day")
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (f"{first.astimezone():%Y-%m-%d}", f"{last.astimezone():%Y-%m-%d}")
    assert len(found) in {days + 1, days + 2}
    months = period_names(first, last, "month")
    assert months == sorted({day[:7] for day in found})


def test_formats():
    now = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
    assert ago("2026-11-24T11:59:30.000Z", now) == "just now"
    assert ago("2026-11-24T11:58:30.000Z", now) == "1 minute ago"
    assert ago("2026-11-20T11:58:30.000Z", now) == "4 days ago"
    assert when("nonsense") == short("nonsense") == ago("nonsense") == "nonsense"
    assert short("2020-02-03T12:00:00.000Z") == "3 Feb 2020"
    assert [percent(share) for share in (None, 0, 0.001, 0.0996, 0.5, 1)] == [
        "-",
        "0 %",
        "0.1 %",
        "10 %",
        "50 %",
        "100 %",
    ]
    assert format_top_k('[{"label": "tabby", "score": 0.914}]') == "tabby 0.91"
    assert format_top_k("[{}]") == "[{}]"
