"""The camera source with real streams: RTSP from GStreamer, HTTP from Python, both on loopback.

V4L2 needs a kernel with a camera: the device lab has one. Here only what is said where there is none.
"""

import signal
import socket
import time

import cv2
import numpy as np
import pytest
from http_server import send_stream, web_server
from moving_pictures import collecting, number, numbered
from pictures import encode, noise, plain
from rtsp import NEEDS, RtspServer, has_gstreamer

from edgecls.device.configuration.source_settings import CameraSettings
from edgecls.device.sources import camera as camera_module
from edgecls.device.sources import open_source
from edgecls.device.sources.reader import CameraLost, DamagedFrame

pytestmark = pytest.mark.slow

WAIT = 60


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Pictures that say their number, as files for the server."""
    folder = tmp_path_factory.mktemp("photographs")
    for n in range(10):
        (folder / f"{n}.jpg").write_bytes(encode(numbered(n, 160, 120), ".jpg"))
    return folder


@pytest.fixture
def server(photographs):
    if not has_gstreamer():
        pytest.skip(NEEDS)
    server = RtspServer(photographs)
    yield server
    server.end()


def camera(address, **settings):
    settings = {"stall_seconds": 2, "reconnect_max_seconds": 0.5, **settings}
    return open_source(CameraSettings(device=address, **settings))


def test_a_server_that_is_killed_and_comes_back(server, until, caplog):
    caplog.set_level("INFO")
    with collecting(camera(server.address)) as (frames, signs, _):
        until(lambda: len(frames) > 20, WAIT)
        assert {number(frame) for frame in frames} <= set(range(10))
        assert len({number(frame) for frame in frames}) > 3
        assert frames[0].image.shape == (120, 160, 3)
        assert frames[0].source == f"camera:{server.shown}"
        server.end()
        until(lambda: caplog.records, WAIT)
        n, sighs = len(frames), len(signs)
        until(lambda: len(signs) > sighs + 3)
        server.start()
        until(lambda: len(frames) > n + 5, WAIT)
    lost, back = [record.getMessage() for record in caplog.records]
    assert lost == f"camera:{server.shown} is lost: it stopped sending frames; trying again until it responds"
    assert back.startswith(f"camera:{server.shown} is back after")
    assert len({frame.key for frame in frames}) == len(frames)


def test_the_scheme_may_be_in_capitals(server):
    camera(server.address.replace("rtsp", "RTSP")).probe()


def test_a_server_that_falls_silent(server, until):
    source = camera(server.address)
    with collecting(source) as (frames, signs, _):
        until(lambda: frames, WAIT)
        server.process.send_signal(signal.SIGSTOP)
        until(lambda: source.status().lost, WAIT)
        assert source.status().lost.startswith("no frame for")
        sighs = len(signs)
        until(lambda: len(signs) > sighs + 3)
        n = len(frames)
        server.process.send_signal(signal.SIGCONT)
        until(lambda: len(frames) > n, WAIT)
        assert source.status().lost is None


class Stream:
    """Ten frames that are there already, by the stream's clock a second apart (but for two at 0), then live ones."""

    def __init__(self):
        self.grabbed = 0

    def grab(self):
        self.grabbed += 1
        if self.grabbed > 10:
            time.sleep(0.6)
        return True

    def get(self, _):
        return max(self.grabbed - 2, 0) * 1000


def test_frames_that_waited_while_the_stream_was_opened_are_passed_over():
    stream = Stream()
    camera_module._skip_backlog(stream)
    assert stream.grabbed == 11


def test_a_server_that_accepts_and_says_nothing(until, monkeypatch):
    monkeypatch.setattr("edgecls.device.sources.live._OPEN_S", 1.0)
    monkeypatch.setattr("edgecls.device.sources.live._FIRST_OPEN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = camera(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/camera", stall_seconds=0.5)
        with collecting(source) as (_, signs, _):
            until(lambda: source.status().lost, WAIT)
            until(lambda: signs)


def test_an_http_stream_that_ends_again_and_again(until, caplog):
    picture = encode(np.hstack([plain("red", 80, 96), plain("blue", 80, 96)]), ".jpg")
    with web_server(lambda handler: send_stream(handler, [picture] * 100)) as server:
        address = f"http://me:secret@{server.host}/video?password=hidden&channel=1"
        with collecting(camera(address, rotation=180)) as (frames, _, _):
            until(lambda: sum("lost" in record.getMessage() for record in caplog.records) == 2, WAIT)
            assert np.abs(frames[0].image[:, 10:70].mean((0, 1)) - plain("blue")[0, 0]).max() < 12
    shown = [frames[0].source, *(record.getMessage() for record in caplog.records)]
    assert all("secret" not in text and "hidden" not in text for text in shown)
    assert frames[0].source == f"camera:http://{server.host}/..."


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("/dev/video-not-there", "/dev/video-not-there does not exist: plug the camera in"),
        ("/dev/null", "/dev/null is not a camera, or another program is using it"),
        ("rtsp://127.0.0.1:1/camera", "no video stream at this address: check address"),
        ("http://127.0.0.1:1/camera", "it cannot be reached (Connection refused): check address"),
    ],
)
def test_what_is_no_camera_is_waited_for(device, reason, caplog, capfd):
    with camera(device) as source:
        assert source.status().lost.startswith(reason)
        assert source.next_frame() is None
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert "\n" not in record.getMessage()
    assert capfd.readouterr() == ("", "")


class NoCapture:
    """What cv2.VideoCapture was seen to do with `vivid`: a format that the driver lacks becomes BGR3, silently."""

    def __init__(self, has):
        self.has, self.now = has, "BGR3"

    def set(self, name, value):
        if name == cv2.CAP_PROP_FOURCC and int(value).to_bytes(4, "little").decode() in self.has:
            self.now = int(value).to_bytes(4, "little").decode()
        return True

    def get(self, name):
        assert name == cv2.CAP_PROP_FOURCC
        return float(int.from_bytes(self.now.encode(), "little"))


def test_a_pixel_format_that_the_device_lacks():
    camera_module._request_format(NoCapture({"YUYV"}), CameraSettings())
    with pytest.raises(
        CameraLost, match=r"its pixel format is 'BGR3' instead of 'MJPG': set source\.pixel_format to one that"
    ):
        camera_module._request_format(NoCapture({"YUYV"}), CameraSettings(pixel_format="MJPG"))


class JpegDevice:
    """What cv2.VideoCapture is, by its source code, over a V4L2 device that gives JPEG, with CONVERT_RGB switched off."""

    def __init__(self, frames):
        self.frames = iter(frames)

    def grab(self):
        return True

    def retrieve(self):
        return True, np.frombuffer(next(self.frames), np.uint8).reshape(1, -1)


def test_a_frame_that_a_usb_camera_cuts_off_is_damaged():
    whole = encode(noise(160, 120), ".jpg")
    device = JpegDevice([whole, whole[: len(whole) // 2], whole + bytes(5000)])
    capture = camera_module._OpenCvCapture(device, 1.0, is_undecoded=True)
    first = capture.retrieve()
    with pytest.raises(DamagedFrame, match=r"is damaged|end"):
        capture.retrieve()
    assert np.array_equal(capture.retrieve(), first)
    assert np.abs(first.astype(int) - noise(160, 120)).mean() < 10
