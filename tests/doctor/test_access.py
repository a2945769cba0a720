"""What the configuration names is tried as the user of the service, whom modes keep out."""

import os
import shutil

import pytest
from pictures import picture

from edgecls.doctor.access import _hidden, access
from edgecls.doctor.check_result import Status
from edgecls.doctor.service_user import service_user, unit_of, unit_settings
from edgecls.service.files import shipped

pytestmark = pytest.mark.slow

UID = 54321
PASSWD = f"edgecls:x:{UID}:{UID}::/var/lib/edgecls:/usr/sbin/nologin\n"
root_only = pytest.mark.skipif(os.getuid() != 0, reason="root alone may become another user")


@pytest.fixture
def site(temporary_folder, tiny_model):
    """What a daemon needs, in a folder that everybody may enter; all of it belongs to the user of the service."""
    folder = temporary_folder / "site"
    (folder / "inbox").mkdir(parents=True)
    (folder / "inbox" / "red.png").write_bytes(picture("red"))
    shutil.copy(tiny_model.path, folder / "model.tflite")
    (folder / "results.db").write_bytes(b"")
    (folder / "v.mp4").write_bytes(b"")
    folder.chmod(0o755)
    for path in [folder, *folder.rglob("*")]:
        if os.getuid() == 0:
            os.chown(path, UID, UID)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def asked(pi, site):
    def asked(source='path = "inbox"', files=None):
        config = site / "edgecls.toml"
        config.write_text(f'model = "model.tflite"\n[source]\n{source}\n')
        config.chmod(0o644)
        return access(pi({"etc/passwd": PASSWD, **(files or {})}, config=config))

    return asked


@root_only
@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_all_is_open(asked, after):
    result = asked(f'path = "inbox"\nafter = "{after}"')
    assert result == (Status.ok, "the user edgecls may use configuration, model, database, source", "")


@root_only
@pytest.mark.parametrize(
    ("path", "mode", "source", "message"),
    [
        ("inbox", 0o700, 'path = "inbox"', "source: user {} may not use {}/inbox (owner root, mode 0700)"),
        ("inbox", 0o744, 'path = "inbox"', "source: user {} may not use {}/inbox (owner root, mode 0744)"),
        ("inbox", 0o755, 'path = "inbox"\nafter = "delete"', "source: user {} may not use {}/inbox"),
        ("inbox", 0o755, 'path = "inbox"\nafter = "move"', "source: user {} may not use {}/inbox"),
        ("inbox", 0o1777, 'path = "inbox"\nafter = "delete"', "source: user {} may not use {}/inbox/red.png"),
        ("inbox/red.png", 0o600, 'path = "inbox"', "source: user {} may not use {}/inbox/red.png"),
        ("v.mp4", 0o600, 'type = "video"\npath = "v.mp4"', "source: user {} may not use {}/v.mp4"),
        ("model.tflite", 0o600, 'path = "inbox"', "model: user {} may not use {}/model.tflite"),
        ("results.db", 0o644, 'path = "inbox"', "database: user {} may not use {}/results.db"),
        ("", 0o755, 'path = "inbox"', "database: user {} may not use {}"),
        ("", 0o700, 'path = "inbox"', "configuration: user {} may not enter {}"),
    ],
)
def test_what_is_closed_to_the_user_of_the_service(asked, site, path, mode, source, message):
    closed = site / path
    for each in [closed, *(closed.rglob("*") if mode & 0o1000 else [])]:
        os.chown(each, 0, 0)
    closed.chmod(mode)
    result = asked(source)
    assert result.status is Status.failed
    assert message.format(UID, site) in result.message
    assert result.fix.startswith("give edgecls access: sudo setfacl -m u:edgecls:rwX PATH")


@root_only
def test_a_group_opens_it(asked, site):
    os.chown(site / "inbox", 0, 777)
    (site / "inbox").chmod(0o770)
    assert asked(files={"etc/group": "drop:x:777:pi\n"}).status is Status.failed
    assert asked(files={"etc/group": "drop:x:777:pi,edgecls\n"}).status is Status.ok
    unit = {"etc/systemd/system/edgecls.service.d/group.conf": "[Service]\nSupplementaryGroups=drop\n"}
    assert asked(files={"etc/group": "drop:x:777:pi\n", **unit}).status is Status.ok


@root_only
def test_what_is_missing(asked):
    result = asked('path = "nothing"')
    assert (result.status, result.fix) == (Status.failed, "create it, or correct the configuration")
    assert "source: there is no " in result.message


def test_without_a_service_it_is_tried_as_whoever_asks(asked):
    result = asked(files={"etc/passwd": None})
    assert result.status is Status.ok


@pytest.mark.skipif(os.getuid() == 0, reason="root may become another user")
def test_who_may_not_become_that_user_gets_a_message(asked):
    assert asked() == (Status.skipped, "only root can check the permissions of the user edgecls", "sudo edgecls doctor")


def test_without_a_configuration(pi):
    assert access(pi()).status is Status.skipped


@pytest.mark.parametrize(
    ("need", "drop_in", "message"),
    [
        (("source", "/home/pi/in", "list"), None, "source: /home/pi/in is hidden from the service (ProtectHome=)"),
        (("source", "/home/pi/in", "list"), "ProtectHome=no", None),
        (("source", "/home/pi/in", "list"), "BindReadOnlyPaths=/home/pi/in", None),
        (
            ("source", "/tmp/in", "list"),
            None,
            "source: /tmp/in is hidden from the service, which has its own /tmp",
        ),
        (("source", "/srv/in", "list"), None, None),
        (("source", "/srv/in", "change"), None, "its unit needs ReadWritePaths=/srv/in"),
        (("source", "/srv/in", "change"), "ReadWritePaths=-/srv", None),
        (("source", "/srv/in", "change"), "BindPaths=/mnt/usb:/srv/in", None),
        (("source", "/var/lib/edgecls/inbox", "change"), None, None),
        (("database", "/data/r.db", "database"), None, "its unit needs ReadWritePaths=/data"),
        (("source", "rtsp://cam/...", "connect"), None, "source: the service has no network (PrivateNetwork=)"),
        (("source", "rtsp://cam/...", "connect"), "PrivateNetwork=no", None),
    ],
)
def test_what_the_unit_hides(pi, need, drop_in, message):
    files = {"etc/systemd/system/edgecls.service": shipped("edgecls.service")}
    if drop_in:
        files["etc/systemd/system/edgecls.service.d/own.conf"] = f"[Service]\n{drop_in}\n"
    found = list(_hidden(unit_settings(pi(files).system, "edgecls.service"), [need]))
    assert (len(found), message is None or message in found[0]) == (int(message is not None), True)


def test_the_unit_of_a_configuration(pi):
    assert unit_of("/etc/edgecls/edgecls.toml") == "edgecls.service"
    assert unit_of("/etc/edgecls/gate.toml") == "edgecls@gate.service"
    files = {
        "etc/passwd": "camera:x:77:78::/:/bin/sh\n", "etc/group": "video:x:44:\nnet:x:45:camera\n",
        "etc/systemd/system/edgecls@.service": shipped("edgecls@.service"),
        "etc/systemd/system/edgecls@gate.service.d/x.conf": "[Service]\nUser=camera\nSupplementaryGroups=video\n",
    }  # fmt: skip
    assert service_user(pi(files).system, "edgecls@gate.service") == ("camera", 77, 78, (44, 45, 78))
    assert service_user(pi(files).system, "edgecls@shed.service") is None
