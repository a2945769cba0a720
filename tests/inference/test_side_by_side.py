"""How the cores are shared out between interpreters and threads."""

import time

import pytest

from edgecls.device.configuration.config import Config
from edgecls.device.parts import load_classifiers
from edgecls.inference import side_by_side
from edgecls.inference.side_by_side import Plan, default_threads, plan
from edgecls.system import usable_cores


@pytest.mark.parametrize(("count", "interpreters"), [(1, 1), (2, 2), (3, 3), (4, 4), (8, 8), (16, 16), (64, 16)])
def test_there_is_an_interpreter_of_one_thread_for_each_core(monkeypatch, count, interpreters):
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: count)
    assert plan() == Plan(interpreters, 1)


@pytest.mark.parametrize(
    ("interpreters", "threads", "expected"),
    [(None, 2, (1, 2)), (3, 2, (3, 2)), (2, None, (2, 3)), (9, None, (9, 1)), (1, None, (1, 4)), (1, 6, (1, 6))],
)
def test_what_the_settings_say_holds(monkeypatch, interpreters, threads, expected):
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 6)
    assert plan(interpreters, threads) == expected


def test_there_is_a_core():
    assert usable_cores() >= 1
    assert 1 <= default_threads() <= 4


@pytest.mark.parametrize(("source", "count"), [({"type": "folder", "path": "inbox"}, 2), ({"type": "camera"}, 1)])
def test_a_busy_machine_changes_nothing(monkeypatch, tiny_model, source, count):
    """A clock that jumps, as it seems to on a busy machine, has no influence: nothing is measured."""
    monkeypatch.setattr(side_by_side, "usable_cores", lambda: 2)
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks) ** 2))
    assert len(load_classifiers(Config(source=source, model=tiny_model.path))) == count
