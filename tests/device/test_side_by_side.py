"""How the cores are shared out. What is measured here are classifiers whose speed is known."""

import threading
import time
from dataclasses import replace

import pytest

from edgecls.device import side_by_side
from edgecls.device.classifier import Classifier
from edgecls.device.side_by_side import Plan, asked_for, cores, fastest, plans, sample_of


@pytest.mark.parametrize(
    ("count", "ways"),
    [
        (1, [(1, 1)]),
        (2, [(2, 1), (1, 2)]),
        (3, [(3, 1), (1, 3)]),
        (4, [(4, 1), (2, 2), (1, 4)]),
        (8, [(8, 1), (4, 2), (2, 4)]),
    ],
)
def test_every_way_to_share_the_cores_out(count, ways):
    assert plans(count) == ways


@pytest.mark.parametrize(
    ("interpreters", "threads", "plan"),
    [(None, None, None), (None, 2, (1, 2)), (3, 2, (3, 2)), (2, None, (2, 3)), (9, None, (9, 1))],
)
def test_what_the_settings_ask_for(monkeypatch, interpreters, threads, plan):
    monkeypatch.setattr(side_by_side, "cores", lambda: 6)
    assert asked_for(interpreters, threads) == plan


def test_there_is_a_core():
    assert cores() >= 1


class Timed:
    """Takes as long as was said for its number of threads."""

    def __init__(self, seconds, threads):
        self.seconds, self.threads, self.users = seconds[threads], threads, set()

    def classify(self, _):
        self.users.add(threading.get_ident())
        time.sleep(self.seconds)


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [
        ({1: 0.004, 2: 0.004}, Plan(2, 1)),
        ({1: 0.1, 2: 0.004}, Plan(1, 2)),
    ],
)
def test_the_fastest_is_taken_and_of_equals_more_interpreters(seconds, taken):
    opened = []

    def open_one(threads):
        opened.append(Timed(seconds, threads))
        return opened[-1]

    chosen = fastest(plans(2), open_one, None)
    assert (len(chosen), chosen[0].threads) == taken
    assert [each.threads for each in opened] == [1, 1, 2]
    assert len(opened[0].users | opened[1].users) == 2


def test_a_single_plan_is_not_measured():
    (chosen,) = fastest([Plan(1, 2)], lambda threads: threads, None)
    assert chosen == 2


@pytest.mark.parametrize("examples", [True, False])
def test_the_sample_can_be_classified(tiny_model, examples):
    model = tiny_model if examples else replace(tiny_model, golden=())
    assert Classifier(model).classify(sample_of(model)).error is None
