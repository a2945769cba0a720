"""What is shown of an address: never what may be a secret. With every form that cameras are known to take."""

import pytest
from camera_addresses import SECRET, addresses
from hypothesis import given

from edgecls.addresses import hide_addresses, looks_like_address, show_address, stream_problem


@given(addresses)
def test_a_secret_is_never_shown(address):
    shown = show_address(address)
    assert SECRET.lower() not in shown.lower()
    assert SECRET.lower() not in (stream_problem(address) or "").lower()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://cam:554/a?b=1", "rtsp://cam:554/..."),
        ("rtsp://me:secret@cam:554/a?b=1", "rtsp://cam:554/..."),
        ("rtsp://me:sec@ret@[::1]/a", "rtsp://[::1]/..."),
        ("RTSP://me:secret@10.0.0.7", "rtsp://10.0.0.7"),
        ("http://cam/", "http://cam"),
        ("udp://@:5000?fifo_size=1", "udp://:5000/..."),
        ("http://cam/snap?user=me&PASSWORD=secret&n=1", "http://cam/..."),
        ("rtsp://cam/user=admin&password=secret", "rtsp://cam/..."),
        ("rtsp://cam/user=admin&password=se@cret/1", "rtsp://..."),  # the host might be cret
        ("rtsp://me:12/34@cam/1", "rtsp://..."),  # the host might be me, its port 12
        ("rtsp://me:12/34%40cam/1", "rtsp://..."),
        ("rtsp://me:s#t@cam/1", "rtsp://..."),
        ("rtsp://me:99999/1", "rtsp://..."),
        ("secret://cam/1", "..."),
        ("rtsp:/me:secret@cam/1", "..."),
        ("me:secret@cam/1", "..."),
        ("", "..."),
    ],
)
def test_scheme_host_and_port_are_shown(address, shown):
    assert show_address(address) == shown


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("rtsp://cam/1", None),
        ("rtsps://me:secret@cam:322", None),
        ("rtsp://cam/stream@1", None),
        ("udp://@:5000", None),
        ("rtsp://", "must be a valid address"),
        ("rtsp://me:s#cret/x", "must be a valid address"),
        ("rtsp://[x/y", "must be a valid address"),
        ("gopher://cam/1", "must begin with rtsp"),
        ("file:///video.mp4", "must begin with rtsp"),
    ],
)
def test_what_cannot_be_the_address_of_a_stream(address, problem):
    found = stream_problem(address)
    assert (found or "").startswith(problem or "")
    assert bool(found) == bool(problem)


def test_addresses_within_a_configuration():
    config = {"a": [f"rtsp://u:{SECRET}@cam/1", 5, None], "path": "/srv/in", f"http://cam/{SECRET}": {"b": True}}
    assert hide_addresses(config) == {
        "a": ["rtsp://cam/...", 5, None], "path": "/srv/in", "http://cam/...": {"b": True}
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["rtsp://cam/1", "rtsp:/cam/1", "/etc/edgecls/RTSP:/me:secret@cam", "me:secret@cam/1", "//me:secret@nas/share",
     "me:se/cret@cam", "smb://nas/share", "x://y", "rtspsrc location=rtsp://cam ! appsink"],
)  # fmt: skip
def test_what_looks_like_an_address(text):
    assert looks_like_address(text)


@pytest.mark.parametrize(
    "text",
    ["/var/lib/edgecls/inbox", "inbox", "clip.mp4", "../2026-11-24T10:15/gate", "/data/10:15/cam@gate", "/mnt/a@b",
     "user@example", "/dev/v4l/by-id/usb-Cam@1", "D:\\clips", "C:/clips/x.mp4", "gate-2"],
)  # fmt: skip
def test_what_is_a_path_or_a_name(text):
    assert not looks_like_address(text)
