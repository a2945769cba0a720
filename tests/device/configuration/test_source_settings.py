"""The settings of cameras and videos, as the configuration file has them."""

import pytest
from pydantic import ValidationError

from edgecls.device.configuration.config import read_config
from edgecls.device.configuration.source_settings import (
    SOURCES,
    CameraSettings,
    FolderSettings,
    PicameraSettings,
    Region,
    VideoSettings,
)
from edgecls.device.sources import open_source
from edgecls.errors import BadConfig


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "edgecls.toml"
        path.write_text(text)
        return read_config(path)

    return read


def test_the_type_chooses_the_settings(read, tmp_path):
    chosen = {settings.model_fields["type"].default: settings for settings in SOURCES}
    assert sorted(chosen) == ["camera", "folder", "picamera", "video"]
    for kind, settings in chosen.items():
        path = 'path = "x"' if "path" in settings.model_fields else ""
        assert type(read(f'[source]\ntype = "{kind}"\n{path}').source) is settings
    assert read('[source]\ntype = "video"\npath = "x.mp4"').source.path == tmp_path / "x.mp4"


def test_a_camera_in_full(read):
    source = read("""
        [source]
        type = "camera"
        device = "/dev/video2"
        width = 1280
        height = 720
        fps = 10
        pixel_format = "MJPG"
        rotation = 90
        interval_seconds = 2.5
        stall_seconds = 5
        reconnect_max_seconds = 30
        [source.region]
        x = 0.25
        width = 0.5
        [source.motion]
        """).source
    assert isinstance(source, CameraSettings)
    assert source.region == Region(x=0.25, y=0, width=0.5, height=1)
    assert (source.motion.method, source.motion.threshold) == ("mog2", 0.01)


def test_by_default_nothing_is_gated_or_cut():
    for settings in (CameraSettings(), PicameraSettings(), VideoSettings(path="v")):
        assert (settings.motion, settings.region, settings.rotation) == (None, Region(), 0)
    assert CameraSettings().device == 0
    assert CameraSettings(device=3).device == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('type = "camera"\nrotation = 45', "source.rotation must be 0, 90, 180 or 270, not 45"),
        ('type = "camera"\nwidth = 640', "source: width and height must be set together"),
        ('type = "camera"\n[source.region]\nx = 0.6\nwidth = 0.5', "source.region: the region exceeds the picture"),
        ('type = "camera"\ndevice = "rtsp://x/y"\nfps = 5\nwidth = 9\nheight = 9', "remove fps, height, width"),
        ('type = "camera"\ndevice = "rtsp://[x/y"', "source.device must be a valid address: scheme://"),
        ('type = "camera"\ndevice = "video0"', "source.device must be a V4L2 device (0, /dev/video0) or an address"),
        (
            'type = "camera"\ndevice = "/dev/../x:y@z"',
            "source.device must be a V4L2 device (0, /dev/video0) or an address",
        ),
        ('type = "camera"\ndevice = "/dev/video0://x"', "source.device must be the path of a V4L2 device"),
        ('type = "camera"\nname = "a/b"', "source.name must be 1 to 64 letters, digits, spaces, "),
        ('type = "video"\npath = "rtsp://x/y"', "source.path must be a path, not an address: for a stream set"),
        ('type = "camera"\npath = "/dev/video0"', "unknown setting 'source.path' ("),
        ('type = "camera"\npixel_format = "YU"', "source.pixel_format must be four characters, such as YUYV, not"),
        ('path = ""\nafter = "delete"', "source.path must not be empty: write a value, or comment out the line"),
        ('path = "x"\nfailed_folder = " "', "source.failed_folder must not be empty: write a value"),
        ('type = "video"', "source.path is required"),
    ],
)
def test_what_cannot_be(read, text, said):
    with pytest.raises(BadConfig) as caught:
        read(f"[source]\n{text}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("device", "public"),
    [
        ("rtsp://me:secret@cam:554/a?b=1", "rtsp://cam:554/..."),
        ("rtsp://me:sec@ret@[::1]/a", "rtsp://[::1]/..."),
        ("http://cam/snap?user=me&PASSWORD=secret&n=1", "http://cam/..."),
        ("/dev/v4l/by-id/usb-Cam@1", "/dev/v4l/by-id/usb-Cam@1"),
        (4, "4"),
    ],
)
def test_passwords_stay_out_of_what_is_kept(device, public):
    settings = CameraSettings(device=device)
    assert settings.public_device == public
    assert str(settings.model_dump(mode="json")["device"]) == public
    assert settings.device == device


def test_a_region_at_the_limit_is_inside():
    for start, share in [(0.9, 0.1), (0.7, 0.3), (0.1 + 0.2, 0.7)]:
        CameraSettings(region=Region(x=start, y=start, width=share, height=share))
    with pytest.raises(ValidationError):
        Region(y=0.5, height=0.6)


def test_every_source_has_the_name_of_its_settings(tmp_path):
    for settings in (FolderSettings(path=tmp_path), CameraSettings(), VideoSettings(path=tmp_path / "a.mp4")):
        assert open_source(settings).name == settings.source_name  # that of picamera has tests of its own
    assert PicameraSettings(camera=1).source_name == "picamera:1"
