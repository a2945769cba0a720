import os
import socket
import time

import pytest
from recording import NOON

from edgecls.device.frame_counts import FrameCounts
from edgecls.device.sources import SourceStatus
from edgecls.device.systemd_notify import Heartbeat, Notifier, watchdog_seconds
from edgecls.records import Classification


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A socket as systemd opens it, and its address as systemd writes it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        address = str(tmp_path / "notify") if request.param == "path" else f"@edgecls-test-{os.getpid()}"
        sock.bind(address.replace("@", "\0"))
        yield sock, address


def counts(rows, errors):
    counts = FrameCounts()
    for n in range(rows):
        counts.add_row(Classification("test", str(n), None, NOON, NOON, error="is empty" if n < errors else None))
    return counts


def test_the_status_counts_and_says_first_what_is_wrong():
    status = counts(rows=2, errors=1)
    assert str(status) == "2 rows, 1 errors, 0 dropped, last frame none yet"
    for _ in range(3):
        status.add_frame(Classification("test", "x", None, NOON, NOON, label="red"), is_deferred=True)
    status.update_source(SourceStatus(dropped=4, still=5))
    assert str(status) == "2 rows, 1 errors, 4 dropped, 3 deferred, 5 still, last frame 2026-11-24T12:00:00Z"
    status.close_source()
    assert (status.dropped, status.still) == (4, 5)
    status.update_source(SourceStatus("it stopped giving frames", NOON, dropped=1))
    assert str(status) == (
        "lost: it stopped giving frames, since 2026-11-24T12:00:00Z; "
        "2 rows, 1 errors, 5 dropped, 3 deferred, 5 still, last frame 2026-11-24T12:00:00Z"
    )


def test_what_systemd_hears(manager):
    sock, address = manager
    Notifier.of({"NOTIFY_SOCKET": address}).send(READY=1, STATUS="caf\u00e9 \udce9")
    assert sock.recv(4096) == "READY=1\nSTATUS=caf\u00e9 ?".encode()


def test_a_reload_carries_its_time(manager):
    sock, address = manager
    Notifier(address).reloading()
    first, second = sock.recv(4096).decode().splitlines()
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0


def test_a_manager_that_does_not_read_costs_no_time_of_the_processor(manager):
    """Its queue takes some messages; waiting for room is no busy wait."""
    notifier = Notifier(manager[1])
    before = time.process_time()
    for _ in range(1000):
        begun = time.monotonic()
        notifier.send(WATCHDOG=1)
        if time.monotonic() - begun > 0.5:
            break
    else:
        pytest.skip("the queue takes a thousand messages here")
    assert time.process_time() - before < 0.5


def test_nobody_who_listens(tmp_path):
    Notifier.of({}).send(READY=1)
    Notifier.of({"NOTIFY_SOCKET": ""}).send(READY=1)
    Notifier(str(tmp_path / "gone")).send(READY=1)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "x"}, None),
    ],
)
def test_whether_this_process_is_watched(environment, seconds):
    assert watchdog_seconds(environment) == seconds


@pytest.mark.parametrize(("watchdog", "pause"), [(None, 1.0), (60.0, 1.0), (2.0, 0.5), (0.2, 0.05)])
def test_progress_pings_and_nothing_else_does(manager, watchdog, pause):
    sock, address = manager
    sock.setblocking(False)
    clock = [100.0]
    heartbeat = Heartbeat(Notifier(address), watchdog, lambda: clock[0])
    status = counts(rows=2, errors=0)
    heartbeat.beat(status)
    assert sock.recv(4096).decode() == "WATCHDOG=1\nSTATUS=2 rows, 0 errors, 0 dropped, last frame none yet"
    clock[0] += pause * 0.9
    heartbeat.beat(status)
    with pytest.raises(BlockingIOError):
        sock.recv(4096)
    clock[0] += pause * 0.2
    heartbeat.beat(status)
    assert sock.recv(4096).startswith(b"WATCHDOG=1\nSTATUS=2 rows")
    clock[0] += 1000
    with pytest.raises(BlockingIOError):
        sock.recv(4096)  # nobody told of progress
