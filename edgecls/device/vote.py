"""Decide which classifications become rows: a majority vote over frames, and a pause after each row of a label."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from edgecls.device.configuration.settings import VoteSettings
from edgecls.records import Classification


class Vote:
    """Take classifications in order, and return those that become rows. For cameras and videos.

    Times are those of capture, not of a clock: the decisions depend on the frames alone.
    """

    def __init__(self, settings: VoteSettings) -> None:
        self.settings = settings
        self._ballots: list[Classification] = []
        self._last_row: dict[str, datetime] = {}

    def decide(self, classification: Classification) -> Classification | None:
        """Return the row that this classification and those before it decide, if any.

        After every `votes` classifications that is the one with the highest score of the winning label, with the count of
        each label as its `votes`. Errors become rows as they are: they are not votes, and no cool-down applies.
        """
        if classification.error is not None:
            return classification
        if self.settings.votes == 1:
            return self._cooled(classification)
        late = self.overdue(classification.captured_at)  # two are never due at once: a vote needs two frames
        self._ballots.append(classification)
        return late if len(self._ballots) < self.settings.votes else self.flush()

    def overdue(self, now: datetime) -> Classification | None:
        """Close a vote that began more than `within_seconds` before `now`, and return its row."""
        limit = self.settings.within_seconds
        if limit is None or not self._ballots:
            return None
        began = self._ballots[0].captured_at
        # A clock that was set back ends a vote too: it would stay open until the clock is there again.
        return None if timedelta() <= now - began <= timedelta(seconds=limit) else self.flush()

    def flush(self) -> Classification | None:
        """Close the open vote, and return its row; None if it has no frames or a cool-down applies."""
        if not self._ballots:
            return None
        winner = _winner(self._ballots)
        self._ballots = []
        return self._cooled(winner)

    def _cooled(self, decision: Classification) -> Classification | None:
        """Return None within `cooldown_seconds` of the last row of the label. A clock that was set back does not silence it."""
        label = str(decision.label)
        last = self._last_row.get(label)
        pause = timedelta(seconds=self.settings.cooldown_seconds)
        if last is not None and timedelta() <= decision.captured_at - last < pause:
            return None
        self._last_row[label] = decision.captured_at
        return decision


def _winner(ballots: list[Classification]) -> Classification:
    """Return the best ballot of the label with most votes, then the higher sum of scores, then the earlier first ballot."""
    votes = Counter(str(ballot.label) for ballot in ballots)
    sums = dict.fromkeys(votes, 0.0)
    for ballot in ballots:
        sums[str(ballot.label)] += ballot.score or 0.0
    label = max(votes, key=lambda name: (votes[name], sums[name]))
    best = max((ballot for ballot in ballots if ballot.label == label), key=lambda ballot: ballot.score or 0.0)
    return replace(best, votes=dict(votes.most_common()))
