"""A network camera that dies and comes back, under the real daemon."""

import time

import pytest
from pictures import COLOURS, encode, plain
from rtsp import NEEDS, RtspServer, has_gstreamer

DEATHS, AWAY_S = 5, 3
WAIT = 60


@pytest.fixture
def server(need, tmp_path):
    need(has_gstreamer(), NEEDS)
    (tmp_path / "shown").mkdir()
    for n, colour in enumerate([*COLOURS, *COLOURS, "red"]):  # 7 in turn: no interval shows only some of them
        (tmp_path / "shown" / f"{n}.jpg").write_bytes(encode(plain(colour, 160, 120), ".jpg"))
    server = RtspServer(tmp_path / "shown")
    yield server
    server.end()


def test_a_server_that_dies_five_times(place, counted, tiny_model, until, server):
    place.configure(
        tiny_model.path,
        'type = "camera"', f'device = "{server.address}"', "interval_seconds = 0.05", "stall_seconds = 5",
        "reconnect_max_seconds = 1",
    )  # fmt: skip
    with place.daemon() as process:
        until(lambda: place.count() >= 10, WAIT)
        for death in range(1, DEATHS + 1):
            server.end()
            until(lambda death=death: len(place.log_lines("is lost")) == death, WAIT)
            before = place.count()
            time.sleep(AWAY_S)  # several tries
            assert place.count() == before
            server.start()
            until(lambda before=before: place.count() >= before + 10, WAIT)
            assert len(place.log_lines("is back after")) == death
        process.terminate()
        assert process.wait(30) == 0
    assert len(place.log_lines("is lost")) == len(place.log_lines("is back after")) == DEATHS
    assert len(place.log_lines()) == 2 * DEATHS + 3  # ready, SIGTERM, stopped
    assert place.count("DISTINCT key") == place.count()
    assert {label for (label,) in place.ask("SELECT DISTINCT label FROM results")} == set(COLOURS)
    assert place.ask("SELECT count(DISTINCT run_id) FROM results") == [(1,)]
    assert place.is_whole()
    counted(
        "an RTSP server is killed, and comes back",
        f"{DEATHS} times, away for {AWAY_S} s and more",
        f"lost and back each said once a time; the same process goes on; {place.count()} rows",
    )
