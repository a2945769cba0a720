"""`edgecls run` as systemd starts it: a child process that tells a socket how it is, and gets signals."""

import os
import signal
from contextlib import closing, suppress

import pytest
from served import labels, put, wait_for
from tiny_model import write

from edgecls.database.reading import open_results

pytestmark = pytest.mark.smoke

HANG = """
import os, time
from edgecls.inference.classifier import Classifier
def hang(classifier, frame):
    os.write(1, b"hanging\\n")
    time.sleep(3600)
Classifier.classify = hang
"""
SLOW = """
import time
from edgecls.inference import golden
compare = golden._worst_difference
def slow(*arguments):
    print("loading", flush=True)
    time.sleep(0.2)
    return compare(*arguments)
golden._worst_difference = slow
"""


def test_it_tells_how_it_is(service, manager, inbox):
    with service() as process:
        heard = wait_for(manager, "READY=1")
        assert not [line for line in heard if line.startswith("WATCHDOG")], "nobody watches it before"
        wait_for(manager, "WATCHDOG=1")  # with nothing to do
        put(inbox, "a.png", "red")
        while not [line for line in manager.recv(4096).decode().splitlines() if line.startswith("STATUS=1 rows, 0")]:
            pass
        process.terminate()
        assert wait_for(manager, "STOPPING=1")
        assert process.wait(30) == 0


def test_a_hanging_network_ends_the_pings(service, manager, inbox, tmp_path):
    config = tmp_path / "edgecls.toml"
    config.write_text(f"interpreters = 2\n{config.read_text()}")
    with service(HANG, watchdog=0.4) as process:
        wait_for(manager, "WATCHDOG=1")
        put(inbox, "a.png", "red")
        assert process.stdout.readline() == "hanging\n"
        manager.settimeout(1)  # more than twice WATCHDOG_USEC
        with suppress(TimeoutError):
            for _ in range(20):
                manager.recv(4096)
            pytest.fail("the pings go on")
        assert process.poll() is None


def test_models_replaced_under_it(service, manager, inbox, tmp_path, tiny_model, until):
    """First by a good one, then by one that breaks its promise, then by what is no model."""
    red, green, *others = tiny_model.golden
    swapped = [type(red)(red.image, green.outputs), green, *others]
    write(
        tmp_path / "german", labels=("rot", "gruen", "blau"), examples=tiny_model.golden, name="german", thresholds={}
    )
    write(tmp_path / "broken", labels=("1", "2", "3"), examples=swapped, name="broken", thresholds={})
    (tmp_path / "none").write_bytes(b"none")
    with service() as process:
        wait_for(manager, "READY=1")
        put(inbox, "0.png", "red")
        until(lambda: labels(tmp_path) == ["red"])
        said = [process.stderr.readline()]
        for n, new in enumerate(("german", "broken", "none"), 1):
            (tmp_path / new).rename(tmp_path / "model.tflite")
            process.send_signal(signal.SIGHUP)
            heard = wait_for(manager, "READY=1")
            assert [line for line in heard if line == "RELOADING=1" or line.startswith("MONOTONIC_USEC=")]
            said.append(process.stderr.readline())
            put(inbox, f"{n}.png", "red")
            until(lambda n=n: labels(tmp_path) == ["red"] + ["rot"] * n)
        process.terminate()
        assert process.wait(30) == 0
    assert said[0].startswith("edgecls: ready: tiny, self-test passed")
    assert said[1].startswith("edgecls: reloaded: german, self-test passed")
    assert said[2].startswith("edgecls: reload failed, keeping the current configuration: ")
    assert "does not reproduce its recorded outputs" in said[2]
    assert "is not a TFLite model" in said[3]


def test_a_second_one_says_so_and_ends_with_78(service, manager, edgecls, tmp_path):
    with service():
        wait_for(manager, "READY=1")
        second = edgecls("run", "--config", "edgecls.toml", code=78)
        assert second.stderr == (
            f"edgecls: error: another edgecls run has the database {tmp_path}/results.db: stop it, or give this one another "
            "database\n"
        )
        (tmp_path / "second").mkdir()
        (tmp_path / "second.toml").write_text((tmp_path / "edgecls.toml").read_text().replace("inbox", "second"))
        second = edgecls("run", "--config", "second.toml", code=78)
        assert second.stderr.startswith(f"edgecls: error: another edgecls run has the database {tmp_path}/results.db: ")
    edgecls("run", "--config", "edgecls.toml", "--until-idle", "0.1")  # the first one was killed


def test_a_second_one_that_knows_the_database_by_a_link_changes_nothing(service, manager, edgecls, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "second").mkdir()
    put(tmp_path / "second", "a.png", "red")
    (tmp_path / "elsewhere/link.db").symlink_to(tmp_path / "results.db")
    text = (tmp_path / "edgecls.toml").read_text().replace("inbox", "second")
    (tmp_path / "second.toml").write_text(f'database = "elsewhere/link.db"\n{text}')
    with service():
        wait_for(manager, "READY=1")
        second = edgecls("run", "--config", "second.toml", code=78)
        assert "another edgecls run has the database" in second.stderr
        with closing(open_results(tmp_path / "results.db")) as db:
            assert db.execute("SELECT count(*), count(stop_reason) FROM runs").fetchone() == (1, 0)
        assert os.listdir(tmp_path / "elsewhere") == ["link.db"]


@pytest.mark.parametrize("moment", ["at once", "while the model is loaded", "idle", "busy"])
def test_sigterm_at_any_time(service, manager, inbox, tmp_path, until, moment):
    """It ends well, every row is whole, and what is left is done by the next."""
    for n in range(0 if moment == "idle" else 50):
        put(inbox, f"{n}.png", "red")
    prelude = ""
    if moment == "while the model is loaded":
        prelude = SLOW
    with service(prelude) as process:
        if moment == "while the model is loaded":
            process.stdout.readline()
        elif moment == "idle":
            wait_for(manager, "WATCHDOG=1")
        elif moment == "busy":
            wait_for(manager, "READY=1")
            until(lambda: labels(tmp_path))
        process.terminate()
        code = process.wait(30)
    assert code == 0 or (moment == "at once" and code == -signal.SIGTERM)
    if moment != "at once":
        with closing(open_results(tmp_path / "results.db")) as db:
            assert db.execute("SELECT stop_reason FROM runs").fetchall() == [("signal",)]
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with service():
        wait_for(manager, "READY=1")
        until(lambda: len(labels(tmp_path)) == len(os.listdir(inbox)))


def test_check(inbox, edgecls, tmp_path):
    done = edgecls("run", "--check", "--config", "edgecls.toml")
    assert done.stdout.splitlines() == [
        "configuration: valid",
        "model: tiny, self-test passed (4 golden examples)",
        f"database: {tmp_path}/results.db",
        f"source: folder:{inbox}",
    ]
    assert done.stderr == ""
    assert not (tmp_path / "results.db").exists()


def test_check_of_one_that_runs(service, manager, edgecls):
    with service():
        wait_for(manager, "READY=1")
        edgecls("run", "--check", "--config", "edgecls.toml")


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (
            "/dev/video77",
            "/dev/video77 cannot be used: /dev/video77 does not exist: plug the camera in, or see `v4l2-ctl --list-d",
        ),
        (
            "rtsp://me:secret@127.0.0.1:9/x",
            "rtsp://127.0.0.1:9/... cannot be used: no video stream at this addre",
        ),
    ],
)
@pytest.mark.usefixtures("inbox")
def test_check_of_a_camera_that_is_not_there(edgecls, tmp_path, device, said):
    (tmp_path / "edgecls.toml").write_text(f'model = "model.tflite"\n[source]\ntype = "camera"\ndevice = "{device}"\n')
    done = edgecls("run", "--check", "--config", "edgecls.toml", code=78)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edgecls: error: camera:{said}")


def test_check_says_everything_at_once(inbox, edgecls, tmp_path):
    inbox.rmdir()
    (tmp_path / "model.tflite").write_bytes(b"none")
    (tmp_path / "results.db").write_text("a text and no database " * 50)
    done = edgecls("run", "--check", "--config", "edgecls.toml", code=78)
    assert done.stdout == "configuration: valid\n"
    model, database, source = done.stderr.splitlines()
    assert model.startswith(f"edgecls: error: {tmp_path}/model.tflite is not a TFLite model")
    assert database.startswith(f"edgecls: error: {tmp_path}/results.db is not a SQLite database")
    assert source.startswith(f"edgecls: error: no folder at {inbox}")


def test_each_error_of_the_configuration_has_its_line(edgecls, tmp_path):
    (tmp_path / "edgecls.toml").write_text('# a\nmodle = "x"\n\n[source]\npath = "inbox"\nsettle_seconds = -1\n')
    for options in ([], ["--check"]):
        done = edgecls("run", *options, "--config", "edgecls.toml", code=78)
        assert done.stderr.splitlines() == [
            "edgecls: error: edgecls.toml: unknown setting 'modle' (did you mean 'model'?)",
            "edgecls: error: edgecls.toml: source.settle_seconds must be greater than 0, not -1",
        ]
    assert edgecls("run", "--check", "--config", "none.toml", code=78).stderr.startswith("edgecls: error: no configur")
