import os
import threading
import time

import pytest

from edgecls.inference.runtimes import open_runtime
from edgecls.training.workers import for_each


def test_results_are_in_order_and_each_is_announced():
    announced = []
    assert for_each(lambda: 10, lambda state, n: state * n, range(50), lambda: announced.append(1)) == [
        10 * n for n in range(50)
    ]
    assert len(announced) == 50
    assert for_each(lambda: 10, lambda state, n: state * n, [], lambda: None) == []


def test_a_state_serves_one_thread_only():
    users = {}

    def work(state, _):
        users.setdefault(id(state), set()).add(threading.get_ident())
        time.sleep(0.001)

    for_each(object, work, range(20), lambda: None)
    assert all(len(threads) == 1 for threads in users.values())


def test_the_first_failure_is_raised_and_ends_the_work():
    done = []

    def work(_, n):
        if n == 3:
            raise ValueError("three")
        time.sleep(0.001)
        done.append(n)

    with pytest.raises(ValueError, match="three"):
        for_each(lambda: None, work, range(10_000), lambda: None)
    assert len(done) < 5000


def test_stderr_is_what_it_was_after_runtimes_were_opened_in_threads(tiny_model):
    """Opening a runtime redirects descriptor 2 for a moment; two at once would leave it redirected for good."""
    before = os.fstat(2)
    for _ in range(20):
        for_each(lambda: open_runtime(tiny_model.path, threads=1), lambda *_: time.sleep(0.002), range(4), lambda: None)
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
