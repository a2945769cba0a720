import os

import pytest

from edgecls.doctor.cameras import cameras
from edgecls.doctor.check_result import Status

DROP_IN = {"etc/systemd/system/edgecls.service.d/camera.conf": "[Service]\nSupplementaryGroups=video\n"}
USER = {"etc/passwd": "edgecls:x:999:999::/var/lib/edgecls:/usr/sbin/nologin\n"}
VIDEO = {"etc/group": f"video:x:{os.getgid()}:pi\n"}


@pytest.fixture
def with_camera(pi, tmp_path):
    """A machine with one camera, of which owner and group alone may read and write."""

    def with_camera(changes=None, source=None):
        files = {"dev/video0": "", "sys/class/video4linux/video0/name": "HD Webcam\n", **VIDEO, **(changes or {})}
        config = None
        if source:
            config = tmp_path / "edgecls.toml"
            config.write_text(f"[source]\n{source}\n")
        machine = pi(files, config=config)
        if (node := machine.system.path("/dev/video0")).exists():
            node.chmod(0o660)
        return machine

    return with_camera


def test_no_camera(pi):
    assert cameras(pi()) == (Status.skipped, "no /dev/video* device", "")


def test_a_camera_for_whoever_asks(with_camera):
    assert cameras(with_camera()) == (Status.ok, "/dev/video0 (HD Webcam); the current user may use it", "")


def test_the_user_of_the_service_is_not_in_the_group(with_camera):
    result = cameras(with_camera(USER))
    assert result.status is Status.warning
    assert result.message == "/dev/video0 (HD Webcam); the user edgecls may not use /dev/video0"
    assert result.fix == "for the service: edgecls service install --camera"


def test_the_drop_in_lets_it(with_camera):
    assert cameras(with_camera(USER | DROP_IN)).message == "/dev/video0 (HD Webcam); the user edgecls may use it"


def test_a_folder_needs_no_camera(with_camera):
    result = cameras(with_camera(USER, source='path = "inbox"'))
    assert (result.status, result.fix) == (Status.ok, "")


def test_the_camera_of_the_configuration(with_camera):
    source = 'type = "camera"\ndevice = 0'
    assert cameras(with_camera(USER | DROP_IN, source=source)).status is Status.ok
    group = USER | {"etc/group": f"video:x:{os.getgid()}:edgecls\n"}
    assert (
        cameras(with_camera(group | dict.fromkeys(DROP_IN), source=source)).status is Status.failed
    )  # hidden by the unit
    result = cameras(with_camera(USER | {"dev/video0": None}, source=source))
    assert (result.status, result.message) == (
        Status.failed,
        "/dev/video0, the camera in the configuration, does not exist",
    )


def test_a_stream_is_no_node(with_camera):
    source = 'type = "camera"\ndevice = "rtsp://gate/1"'
    assert cameras(with_camera({"dev/video0": None}, source=source)).status is Status.skipped
