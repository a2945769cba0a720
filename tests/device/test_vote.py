"""The vote: pure logic, so mostly laws."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from edgecls.device.configuration.settings import VoteSettings
from edgecls.device.vote import Vote
from edgecls.records import UNKNOWN, Classification, Prediction

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def seen(label, seconds=0.0, score=0.5, error=None):
    when = NOON + timedelta(seconds=seconds)
    if error:
        return Classification("cam", f"{seconds}", None, when, when, error=error)
    return Classification("cam", f"{seconds}", None, when, when, label, score, (Prediction(label, score),))


def rows(settings, classifications):
    vote = Vote(VoteSettings(**settings))
    return [row for each in classifications if (row := vote.decide(each))], vote


sequences = st.lists(
    st.builds(
        seen,
        label=st.sampled_from(["cat", "dog", UNKNOWN]),
        seconds=st.floats(-100, 100),
        score=st.floats(0, 1),
        error=st.sampled_from([None, None, None, "torn"]),
    ),
    max_size=30,
)


@given(sequences)
def test_by_default_every_classification_is_a_row_as_it_is(classifications):
    assert rows({}, classifications)[0] == classifications


@given(sequences, st.integers(2, 5))
def test_a_row_stands_for_several_frames_and_says_how_they_voted(classifications, votes):
    made, _ = rows({"votes": votes}, classifications)
    ballots = [each for each in classifications if not each.error]
    decided = [row for row in made if not row.error]
    assert len(decided) == len(ballots) // votes
    for n, row in enumerate(decided):
        window = ballots[n * votes : (n + 1) * votes]
        assert row.votes == Counter(ballot.label for ballot in window)
        assert row.votes[row.label] == max(row.votes.values())
        assert replace(row, votes=None) in window
        assert row.score == max(ballot.score for ballot in window if ballot.label == row.label)


@given(sequences, st.integers(1, 5), st.floats(0, 100))
def test_every_error_passes_at_once(classifications, votes, cooldown):
    vote = Vote(VoteSettings(votes=votes, cooldown_seconds=cooldown))
    for each in classifications:
        row = vote.decide(each)
        assert (row is each) if each.error else (row is None or row.error is None)


@given(sequences, st.floats(0.1, 100))
def test_cool_down_separates_the_rows_of_a_label(classifications, cooldown):
    ordered = sorted((each for each in classifications if not each.error), key=lambda each: each.captured_at)
    made, _ = rows({"cooldown_seconds": cooldown}, ordered)
    for label in {each.label for each in ordered}:
        times = [row.captured_at for row in made if row.label == label]
        assert times  # the first always makes a row
        assert all(b - a >= timedelta(seconds=cooldown) for a, b in itertools.pairwise(times))


@given(sequences, st.integers(2, 5), st.floats(0.1, 200))
def test_no_frame_is_forgotten_or_counted_twice(classifications, votes, within):
    vote = Vote(VoteSettings(votes=votes, within_seconds=within))
    made = [row for each in classifications if (row := vote.decide(each))]
    made += [row for row in [vote.flush()] if row]
    decided = [row for row in made if not row.error]
    assert sum(sum(row.votes.values()) for row in decided) == sum(not each.error for each in classifications)
    assert all(sum(row.votes.values()) <= votes for row in decided)


def test_of_equal_votes_the_surer_label_wins():
    ballots = [seen("cat", 0, 0.5), seen("dog", 1, 0.9), seen("cat", 2, 0.6), seen("dog", 3, 0.7)]
    (row,), _ = rows({"votes": 4}, ballots)
    assert (row.label, row.score, row.key) == ("dog", 0.9, "1")
    assert row.top_k == (Prediction("dog", 0.9),)
    assert row.votes == {"cat": 2, "dog": 2}


def test_two_visits_are_not_mixed_into_one_vote():
    vote = Vote(VoteSettings(votes=3, within_seconds=10))
    assert [vote.decide(seen("cat", n)) for n in (0, 1)] == [None, None]
    first = vote.decide(seen("dog", 3600))
    assert (first.label, first.votes) == ("cat", {"cat": 2})
    assert vote.overdue(NOON + timedelta(seconds=3605)) is None
    second = vote.overdue(NOON + timedelta(seconds=3611))
    assert (second.label, second.votes) == ("dog", {"dog": 1})
    assert vote.overdue(NOON + timedelta(days=1)) is None


def test_a_clock_that_is_set_back_silences_nothing():
    times = [0, 1, -3600, -3599, -3589]
    made, _ = rows({"cooldown_seconds": 10}, [seen("cat", seconds) for seconds in times])
    assert [row.captured_at for row in made] == [NOON + timedelta(seconds=s) for s in (0, -3600, -3589)]


def test_another_label_does_not_wait():
    made, _ = rows({"cooldown_seconds": 60}, [seen(label, n) for n, label in enumerate(["cat", "dog", "cat", "dog"])])
    assert [row.label for row in made] == ["cat", "dog"]
