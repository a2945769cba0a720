import io
import itertools
import logging
import os
import subprocess
import sys
import threading

import pytest

from edgecls.device import journal
from edgecls.device.journal import PriorityFormatter, RepeatFilter


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def logger(now):
    """A logger of which 2 similar lines are shown in 60 s, and what it wrote."""
    log = logging.Logger("test")  # noqa: LOG001  # of this test alone
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    log.repeats = RepeatFilter(burst=2, window=60, clock=lambda: now[0])
    handler.addFilter(log.repeats)
    log.addHandler(handler)
    log.lines = lambda: stream.getvalue().splitlines()
    log.summaries = lambda **options: [each.getMessage() for each in log.repeats.take_summaries(**options)]
    return log


def test_the_first_messages_then_a_summary(logger, now):
    for n in range(100):
        logger.warning("%s is damaged", f"{n}.jpg")
    assert logger.lines() == ["0.jpg is damaged", "1.jpg is damaged"]
    now[0] = 59
    logger.info("something else")
    assert logger.lines()[2:] == ["something else"]
    assert logger.summaries() == []
    now[0] = 120
    assert logger.summaries() == ["suppressed 98 similar messages in 2 min; last: 99.jpg is damaged"]
    logger.warning("%s is damaged", "100.jpg")
    assert logger.lines()[3:] == ["100.jpg is damaged"]


def test_levels_and_texts_are_told_apart(logger):
    for _ in range(3):
        logger.warning("lost")
        logger.error("lost")
        logger.warning("found")
    assert sorted(logger.lines()) == ["found", "found", "lost", "lost", "lost", "lost"]
    assert logger.summaries(close_all=True) == [
        "suppressed 1 similar message in 1 min; last: lost",
        "suppressed 1 similar message in 1 min; last: lost",
        "suppressed 1 similar message in 1 min; last: found",
    ]


def test_windows_that_are_over_are_forgotten(logger, now):
    for n in range(1000):
        now[0] += 60
        logger.warning(f"{n}")  # noqa: G004
        assert logger.summaries() == []
    assert len(logger.repeats._windows) == 1


def test_threads_that_log_while_the_summary_is_made():
    """Each with new messages, so that the windows are never the same for long."""
    logger, stop = logging.Logger("test"), threading.Event()  # noqa: LOG001  # of this test alone
    logger.addHandler(logging.StreamHandler(io.StringIO()))

    def write(thread):
        for n in itertools.count():
            if stop.is_set():
                return
            logger.warning(f"{thread} {n}")  # noqa: G004

    threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with journal.limited_repeats(logger) as log_summaries:
            for n in range(2000):  # enough windows that looking through them takes a while
                logger.warning(f"first {n}")  # noqa: G004
            for thread in threads:
                thread.start()
            for _ in range(20):
                log_summaries()
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()


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


def test_the_handler_is_as_it_was(capsys):
    logger = logging.Logger("test")  # noqa: LOG001  # of this test alone
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("edgecls: %(message)s"))
    logger.addHandler(handler)
    with journal.limited_repeats(logger) as log_summaries:
        for _ in range(journal.BURST + 2):
            logger.warning("again")
        log_summaries()
    assert (logger.handlers, handler.filters) == ([handler], [])
    lines = capsys.readouterr().err.splitlines()
    assert lines[:-1] == ["edgecls: again"] * journal.BURST
    assert lines[-1] == "edgecls: suppressed 2 similar messages in 1 min; last: again"
