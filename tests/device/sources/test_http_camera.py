"""Cameras that are asked over HTTP: snapshots, and motion JPEG that breaks off, from a real server on loopback."""

import base64
import hashlib
import re
import threading
import time

import numpy as np
import pytest
from http_server import send, send_stream, web_server
from moving_pictures import collecting, number, numbered
from pictures import encode, noise

from edgecls.device.configuration.source_settings import CameraSettings
from edgecls.device.sources import http_camera, live, open_source
from edgecls.errors import BadConfig

pytestmark = pytest.mark.slow

WAIT = 60
JPEG = encode(numbered(7, 160, 120), ".jpg")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(http_camera, "MIN_PAUSE_S", 0.05)
    monkeypatch.setattr(live, "_GRACE_S", 0.1)


def camera(server, path="/snapshot.jpg", user="", **settings):
    settings = {"stall_seconds": 2, "reconnect_max_seconds": 0.5, **settings}
    return open_source(CameraSettings(device=f"http://{user}{server.host}{path}", **settings))


def problem(server, **settings):
    with pytest.raises(BadConfig) as caught:
        camera(server, **settings).probe()
    return str(caught.value).partition(" cannot be used: ")[2]


def test_a_snapshot_address_is_asked_again_and_again(until):
    pictures = iter([encode(numbered(n, 160, 120), ".jpg") for n in range(20)] + [JPEG] * 1000)
    with (
        web_server(lambda handler: send(handler, next(pictures), "image/jpeg; charset=utf-8")) as server,
        collecting(camera(server)) as (frames, _, _),
    ):
        until(lambda: len(frames) > 5, WAIT)
        numbers = [number(frame) for frame in frames[:5]]
        assert numbers == sorted(set(numbers))
        assert frames[0].image.shape == (120, 160, 3)
        assert len({frame.key for frame in frames}) == len(frames)
    assert set(server.requested) == {"/snapshot.jpg"}


def test_a_snapshot_address_is_asked_once_an_interval(until):
    with (
        web_server(lambda handler: send(handler, JPEG)) as server,
        collecting(source := camera(server, interval_seconds=3600, stall_seconds=0.2)) as (frames, signs, _),
    ):
        until(
            lambda: len(frames) == 1 and len(signs) > 4, WAIT
        )  # four signs are a second: longer than it may be silent
        assert source.status().lost is None
        assert len(server.requested) == 1


def test_the_motion_gate_sees_every_snapshot(until):
    def answer(handler):
        n = len(server.requested)
        send(handler, JPEG if n < 6 else encode(noise(160, 120, seed=n), ".jpg"))

    with web_server(answer) as server:
        source = camera(server, motion={"warm_up_frames": 3})
        with collecting(source) as (frames, _, _):
            until(lambda: frames, WAIT)
    assert source.status().still >= 3


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/html", "binary/jpeg"])
def test_a_picture_of_another_name_is_a_snapshot(kind):
    with web_server(lambda handler: send(handler, JPEG, kind)) as server:
        camera(server).probe()


def test_a_page_is_no_camera():
    with web_server(lambda handler: send(handler, b"<html></html>", "text/html")) as server:
        assert problem(server).startswith("it answers with a web page")


def unauthorized(handler, scheme):
    send(handler, b"", "text/plain", 401, [("WWW-Authenticate", f'{scheme} realm="camera"')])


def basic(handler):
    expected = base64.b64encode(b"us er:p/w#1@?:").decode()
    if handler.headers.get("Authorization") == f"Basic {expected}":
        send(handler, JPEG)
    else:
        unauthorized(handler, "Basic")


def digest(handler):
    def md5(*parts):
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    given = handler.headers.get("Authorization", "")
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
    expected = md5(
        md5("us er", "camera", "p/w#1@?:"), "abc", fields.get("nc", ""), fields.get("cnonce", ""), "auth",
        md5("GET", handler.path),
    )  # fmt: skip
    if fields.get("response") == expected:
        send(handler, JPEG)
    else:
        unauthorized(handler, 'Digest nonce="abc", qop="auth", algorithm=MD5,')


@pytest.mark.parametrize("answer", [basic, digest])
def test_user_and_password(answer):
    with web_server(answer) as server:
        camera(server, user="us%20er:p%2Fw%231%40%3F%3A@").probe()
        for user in ("", "us%20er:wrong@"):
            assert problem(server, user=user).startswith("it answers HTTP 401: check user and password")


def test_what_a_server_may_refuse():
    def moved(address):
        return lambda handler: send(handler, b"", "text/plain", 302, [("Location", address)])

    for answer, said in [
        (lambda handler: send(handler, b"", "text/plain", 404), "it answers HTTP 404: check the address"),
        (moved("file:///etc/passwd"), "it answers HTTP 302"),
        (moved("ftp://127.0.0.1/x"), "it redirects to an address that cannot be requested"),
        (lambda _: None, "it closed the connection"),
    ]:
        with web_server(answer) as server:
            assert problem(server).startswith(said)


def test_size_and_time_of_a_snapshot_are_bounded(monkeypatch):
    monkeypatch.setattr(http_camera, "MAX_PICTURE_BYTES", 1000)
    monkeypatch.setattr(live, "_OPEN_S", 0.5)
    with web_server(lambda handler: send(handler, JPEG + bytes(1000))) as server:
        assert problem(server) == "its picture has more than 1000 bytes"

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "image/jpeg")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)

    with web_server(drip) as server:
        said = problem(server, stall_seconds=0.5)
        assert said in {"no whole picture for 0 s", "no frame for 1 s"}


@pytest.mark.parametrize(("length", "states_part"), [(True, False), (False, False), (True, True)])
def test_a_frame_that_is_cut_off_is_skipped_and_logged(until, caplog, length, states_part):
    """With a `Content-Length` of the whole frame, without one, and with that of the part."""
    whole = [encode(noise(160, 120, seed=n), ".jpg") for n in range(4)]
    parts = [data[: len(data) // 2] for data in whole]
    cut = parts if states_part else list(zip(whole, parts, strict=True))
    pictures = [each for pair in zip(whole, cut, strict=True) for each in pair] * 50
    with web_server(lambda handler: send_stream(handler, pictures, length=length)) as server:
        source = camera(server, "/video")
        with collecting(source) as (frames, _, _):
            until(lambda: len(frames) > 8 and source.status().damaged > 2, WAIT)
    for frame in frames:
        assert min(np.abs(frame.image.astype(int) - noise(160, 120, seed=n)).mean() for n in range(4)) < 40
        assert not (frame.image[-8:] == frame.image[-1, -1]).all()  # grey, where the second half is missing
    messages = {record.getMessage() for record in caplog.records}
    assert any(
        re.search(r"/\.\.\.: skipped a damaged frame: it .*(missing|cut off|damaged)", each) for each in messages
    )


def test_a_snapshot_that_is_cut_off_is_skipped(until):
    def answer(handler):
        if len(server.requested) % 2:
            send(handler, JPEG)
        else:
            handler.send_response(200)
            handler.send_header("Content-Type", "image/jpeg")
            handler.send_header("Content-Length", str(len(JPEG)))
            handler.end_headers()
            handler.wfile.write(JPEG[: len(JPEG) // 2])

    with web_server(answer) as server:
        source = camera(server)
        with collecting(source) as (frames, _, _):
            until(lambda: len(frames) > 3 and source.status().damaged > 1, WAIT)
            assert {number(frame) for frame in frames} == {7}


def test_a_check_of_a_camera_that_gives_damaged_snapshots_ends():
    with web_server(lambda handler: send(handler, JPEG[: len(JPEG) // 2])) as server:
        reason = problem(server, stall_seconds=0.2)
    assert re.fullmatch(
        r"no whole frame for \d+ s: the last one is cut off or damaged: the end of the JPEG is missing", reason
    )


def test_a_stream_that_ends_in_the_middle_of_a_frame(until):
    with web_server(lambda handler: send_stream(handler, [JPEG, JPEG, (JPEG, JPEG[:200])])) as server:
        source = camera(server, "/video")
        with collecting(source) as (frames, _, _):
            until(lambda: len(frames) > 3, WAIT)
        assert {number(frame) for frame in frames} == {7}


def test_the_stop_ends_a_camera_that_rests(until):
    with web_server(lambda handler: send(handler, JPEG)) as server:
        source = camera(server, interval_seconds=3600)
        with collecting(source) as (frames, _, _):
            until(lambda: frames, WAIT)
        assert not any(thread.name == "camera reader" for thread in threading.enumerate())
