import io
import logging
import os
import subprocess
import sys

import pytest

from edgecls.device import journal
from edgecls.device.journal import LimitedHandler, PriorityFormatter, RepeatLimit


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def logger(now):
    """A logger whose lines may repeat 2 times in 60 s, and what it wrote."""
    log = logging.Logger("test")  # noqa: LOG001  # of this test alone
    stream = io.StringIO()
    log.handler = LimitedHandler(stream, RepeatLimit(burst=2, window=60), clock=lambda: now[0])
    log.addHandler(log.handler)
    log.lines = lambda: stream.getvalue().splitlines()
    return log


def test_the_first_then_a_summary(logger, now):
    for n in range(100):
        logger.warning("%s is torn", f"{n}.jpg")
    assert logger.lines() == ["0.jpg is torn", "1.jpg is torn"]
    now[0] = 59
    logger.info("something else")
    assert logger.lines()[2:] == ["something else"]
    now[0] = 120
    logger.handler.sum_up()
    assert logger.lines()[3:] == ["... 98 more of this kind in the last 2 minutes, the latest: 99.jpg is torn"]
    logger.warning("%s is torn", "100.jpg")
    assert logger.lines()[4:] == ["100.jpg is torn"]


def test_kinds_are_told_apart_by_level_and_text(logger):
    for _ in range(3):
        logger.warning("lost")
        logger.error("lost")
        logger.warning("found")
    assert sorted(logger.lines()) == ["found", "found", "lost", "lost", "lost", "lost"]


def test_a_summary_comes_before_what_brings_it_and_what_is_open_at_the_end(logger, now):
    for _ in range(3):
        logger.warning("lost")
    now[0] = 60
    logger.warning("lost")
    assert logger.lines()[2:] == ["... 1 more of this kind in the last minute, the latest: lost", "lost"]
    for _ in range(3):
        logger.warning("lost")
    logger.handler.close()
    assert logger.lines()[-1] == "... 2 more of this kind in the last minute, the latest: lost"


def test_years_of_different_kinds_are_forgotten(logger, now):
    for n in range(1000):
        now[0] += 60
        logger.warning(f"{n}")  # noqa: G004
    assert len(logger.handler._limit._kinds) == 1


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (25, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2), (1, 7)],
)  # fmt: skip
def test_priorities_are_syslogs(level, priority):
    record = logging.LogRecord("test", level, "", 0, "%d rows", (3,), None)
    assert PriorityFormatter(logging.Formatter("%(message)s")).format(record) == f"<{priority}>3 rows"


def test_only_the_stream_that_goes_to_the_journal_gets_priorities(tmp_path):
    with open(tmp_path / "log", "w") as file:
        status = os.fstat(file.fileno())
        mine = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert journal.goes_to_journal(file, mine)
        assert not journal.goes_to_journal(file, {})
        assert not journal.goes_to_journal(sys.__stderr__, mine)
        assert not journal.goes_to_journal(io.StringIO(), mine)


def test_the_program_under_the_journal(tmp_path):
    """Errors that end it have their priority too."""
    script = f"""
import os, sys
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{{status.st_dev}}:{{status.st_ino}}"
sys.argv = ["edgecls", "run", "--config", {str(tmp_path / "none.toml")!r}]
from edgecls.cli.main import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 78
    assert done.stderr.startswith("<3>edgecls: error: no configuration file at ")


def test_the_handlers_come_back(capsys):
    logger = logging.Logger("test")  # noqa: LOG001  # of this test alone
    plain = logging.StreamHandler()
    plain.setFormatter(logging.Formatter("edgecls: %(message)s"))
    logger.addHandler(plain)
    with journal.limited_repeats(logger) as sum_up:
        for _ in range(journal.BURST + 2):
            logger.warning("again")
        sum_up()
    assert logger.handlers == [plain]
    lines = capsys.readouterr().err.splitlines()
    assert lines[:-1] == ["edgecls: again"] * journal.BURST
    assert lines[-1] == "edgecls: ... 2 more of this kind in the last minute, the latest: again"
