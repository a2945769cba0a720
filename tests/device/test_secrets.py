"""The password of a camera stands in no log, database, status or message, wherever it is in the configuration."""

import json
from pathlib import Path

import pytest
from camera_addresses import SECRET, addresses
from http_server import send, web_server
from hypothesis import given
from hypothesis import strategies as st
from moving_pictures import numbered
from pictures import encode

from edgecls.device.configuration.config import parse_config
from edgecls.device.sources import open_source
from edgecls.device.startup_check import check_startup
from edgecls.errors import BadConfig

SETTINGS = [
    'type = "camera"\ndevice = {address}',
    'type = "camera"\ndevice = [{address}]',
    'type = "camera"\ndevice = 0\nname = {address}',
    'type = "camera"\ndevice = 0\npixel_format = {address}',
    'type = "camera"\ndevice = 0\nrotation = {address}',
    'type = "camera"\ndevice = {address}\nwidth = 5',
    'type = "camera"\nurl = {address}\ndevice = -1',
    'type = "camera"\ndevice = 0\n{address} = 1',
    'type = "video"\npath = {address}',
    'type = "picamera"\ncamera = {address}',
    "type = {address}",
    "path = {address}",
    'path = "x"\nafter = {address}',
    'path = "x"\ndone_folder = {address}',
]
TOP = ["device = {address}", "model = {address}", "database = {address}", "runtime = {address}", "top_k = {address}"]
# A text that has nothing of an address is shown in the message about it.
with_host = addresses.filter(lambda address: "//" in address or ":/" in address)


@given(with_host, st.sampled_from([*((each, True) for each in TOP), *((each, False) for each in SETTINGS)]))
def test_messages_and_the_stored_configuration(address, setting):
    template, is_top = setting
    line = template.format(address=json.dumps(address))
    text = f'{line}\n[source]\npath = "inbox"\n' if is_top else f"[source]\n{line}\n"
    try:
        config = parse_config(text.encode(), Path("/etc/edgecls/edgecls.toml"))
    except BadConfig as error:
        shown = str(error)
    else:
        source = open_source(config.source)
        shown = f"{source.name} {config.model_dump_json()} {config!r}"
    assert SECRET not in shown


@pytest.fixture
def snapshots():
    with web_server(lambda handler: send(handler, encode(numbered(7, 160, 120), ".jpg"))) as server:
        yield server


@pytest.mark.parametrize(
    "form",
    [
        "http://admin:{secret}@{host}/snapshot.jpg",
        "HTTP://admin:{secret}%2F%23@{host}/snapshot.jpg",
        "http://{host}/cgi-bin/snapshot.cgi?loginuse=admin&loginpas={secret}",
        "http://{host}/snap?u=admin&p={secret}#{secret}",
        "http://{host}/user=admin&password={secret}&channel=1",
        "http://{host}/{secret} with blanks",
        "http://{host}/{secret}/a@b",
        "http://127.0.0.1:1/{secret}",
        "rtsp://admin:{secret}@127.0.0.1:1/stream",
        "rtsp://127.0.0.1:1/user=admin&password={secret}",
        "rtmp://127.0.0.1:1/live?p={secret}",
    ],
)
def test_the_daemon_at_work(place, snapshots, caplog, capfd, monkeypatch, form):
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "48")
    caplog.set_level("DEBUG")
    address = form.format(secret=SECRET, host=snapshots.host)
    place.configure(source=f'type = "camera"\ndevice = {json.dumps(address)}\ninterval_seconds = 60')
    steps = []

    def on_step():
        steps.append(daemon.counts.rows)
        if daemon.counts.rows or len(steps) > 4:
            place.requests.request_stop()

    with place.daemon(on_step=on_step) as daemon:
        daemon.run()
    texts = [*place.notifications(), caplog.text, *capfd.readouterr()]
    assert all(SECRET not in text for text in texts)
    for file in place.folder.glob("results.db*"):
        assert SECRET.encode() not in file.read_bytes()
    if snapshots.host in address:
        assert daemon.counts.rows == 1


def test_a_check(tmp_path):
    text = f'[source]\ntype = "camera"\ndevice = "rtsp://admin:{SECRET}@127.0.0.1:1/{SECRET}"\n'
    config = parse_config(text.encode(), tmp_path / "edgecls.toml")
    results = list(check_startup(lambda: config))
    assert results[-1].problems
    assert SECRET not in str(results)


def test_a_name_tells_two_cameras_of_one_host_apart():
    def source(name):
        text = f'[source]\ntype = "camera"\ndevice = "rtsp://me:{SECRET}@nvr:554/1"\n{name}'
        return open_source(parse_config(text.encode(), Path("/x/edgecls.toml")).source)

    assert source("").name == "camera:rtsp://nvr:554/..."
    assert source('name = "gate 2"').name == "camera:gate 2"


def test_a_damaged_answer(place, caplog):
    """What the standard library says of an address may hold a part of the password."""
    address = f"http://admin:x@127.0.0.1:1/\x7f{SECRET}\u00e9"
    place.configure(source=f'type = "camera"\ndevice = {json.dumps(address)}')
    source = open_source(parse_config(place.path.read_bytes(), place.path).source)
    with source:
        assert source.next_frame() is None
    assert SECRET not in caplog.text
