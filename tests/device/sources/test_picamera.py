"""picamera2 needs a Raspberry Pi with a CSI camera. Its absence is tested as it is; its presence only with a stand-in
that has the calls which the source makes, so these tests say nothing about libcamera."""

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from moving_pictures import collecting

from edgecls.device.configuration.source_settings import PicameraSettings
from edgecls.device.sources import open_source
from edgecls.errors import BadConfig


def test_without_picamera2_one_line_says_what_to_install():
    if find_spec("picamera2"):
        pytest.skip("picamera2 is installed")
    with pytest.raises(BadConfig, match=r"^picamera2 is not installed: sudo apt install python3-picamera2") as caught:
        open_source(PicameraSettings())
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78  # a restart would not install it


class StandInPicamera2:
    """Gives frames with the channels in RGB for BGR888, as picamera2 does; after `left` of them it times out."""

    calls: list  # set by the fixture, with `left`

    def __init__(self, number):
        self.calls.append(("open", number))

    def create_video_configuration(self, main, controls):
        return main, controls

    def configure(self, configuration):
        self.calls.append(("configure", configuration))

    def start(self):
        self.calls.append(("start",))

    def capture_request(self, wait):
        if not type(self).left:
            raise TimeoutError
        type(self).left -= 1
        self.calls.append(("request", wait))
        return SimpleNamespace(make_array=self.picture, release=lambda: self.calls.append(("release",)))

    def picture(self, stream):
        assert stream == "main"
        return np.full((6, 8, 3), (200, 100, 0), np.uint8)

    def stop(self):
        self.calls.append(("stop",))

    def close(self):
        self.calls.append(("close",))


@pytest.fixture
def picamera2(monkeypatch):
    camera = type("Picamera2", (StandInPicamera2,), {"calls": [], "left": 3})
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=camera))
    return camera


def test_it_is_configured_read_and_given_back(picamera2, until):
    settings = PicameraSettings(camera=1, width=640, height=480, fps=5, stall_seconds=3)
    source = open_source(settings)
    with collecting(source) as (frames, _, _):
        until(lambda: source.status().lost)
    assert frames[0].source == "picamera:1"
    assert frames[0].image[0, 0].tolist() == [200, 100, 0]
    assert source.status().lost.startswith("no frame for 3 s")
    configuration = ({"format": "BGR888", "size": (640, 480)}, {"FrameRate": 5})
    assert picamera2.calls[:11] == [
        ("open", 1), ("configure", configuration), ("start",),
        *[("request", 3), ("release",)] * 3,
        ("stop",), ("close",),
    ]  # fmt: skip


def test_a_camera_that_cannot_start_is_closed(picamera2, until, monkeypatch):
    def refuse(_):
        raise RuntimeError("Failed to start camera: Broken pipe")

    monkeypatch.setattr(picamera2, "start", refuse)
    source = open_source(PicameraSettings())
    with collecting(source):
        until(lambda: source.status().lost)
    assert source.status().lost == "RuntimeError Failed to start camera: Broken pipe"
    assert picamera2.calls[-1] == ("close",)
