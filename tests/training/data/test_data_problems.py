import logging
from pathlib import Path
from typing import get_args

from edgecls.training.data.problems import SUMMARIES, Kind, Problem, warn
from edgecls.training.data.read_images import undecodable


def test_several_problems_of_a_kind_are_one_line_and_debug_lines(caplog):
    caplog.set_level(logging.DEBUG)
    warn(
        [*undecodable([(Path(f"{number}.jpg"), "is damaged") for number in range(3)]), Problem("imbalance", "unequal")]
    )
    assert caplog.messages == [
        "3 files cannot be decoded and are left out (first: 0.jpg); --verbose lists all",
        *(f"{number}.jpg is damaged: left out" for number in range(3)),
        "unequal",
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING, *[logging.DEBUG] * 3, logging.WARNING]


def test_each_kind_has_a_summary():
    assert set(SUMMARIES) == set(get_args(Kind))
