"""`edgecls serve` and `edgecls review`, as programs."""

import signal
import socket
import urllib.request

import pytest
from example_database import filled

pytest.importorskip("datasette", reason="the extra serve is not installed")


@pytest.fixture
def database(tmp_path):
    """`results.db` where the program runs."""
    return filled(tmp_path / "results.db")


@pytest.mark.parametrize(("command", "shows"), [("serve", "Overview"), ("review", "What is this?")])
@pytest.mark.usefixtures("database")
def test_it_serves_until_it_is_interrupted(served, command, shows):
    child, address, _ = served(command)
    assert shows in urllib.request.urlopen(address).read().decode()
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=30) == ("", "")
    assert child.returncode == 0


@pytest.mark.usefixtures("database")
def test_a_host_of_others_is_warned_of_once(served):
    _, address, said = served("review", "--host", "0.0.0.0")
    port = address.split(":")[2].split("/")[0]
    may = "can see the pictures and write reviews: there is no password"
    assert [line for line in said if "warning" in line] == [
        f"edgecls: warning: everyone who can reach 0.0.0.0, port {port}, {may}\n"
    ]


@pytest.mark.usefixtures("database")
def test_a_port_that_is_taken(edgecls):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = edgecls("serve", "--port", f"{port}", code=74).stderr
    assert said == (
        f"edgecls: error: cannot listen on 127.0.0.1, port {port} (another program is using it): "
        "choose another port with --port\n"
    )


@pytest.mark.parametrize("host", ["203.0.113.7", "a" * 70 + ".b"])
@pytest.mark.usefixtures("database")
def test_a_host_that_is_not_here(edgecls, host):
    assert "with --host" in edgecls("serve", "--host", host, "--port", "0", code=2).stderr


@pytest.mark.parametrize("command", ["serve", "review"])
def test_what_is_no_database(edgecls, tmp_path, command):
    assert "no such file" in edgecls(command, "--db", "none.db", code=66).stderr
    (tmp_path / "text.db").write_text("text " * 1000)
    assert "is not a SQLite database" in edgecls(command, "--db", "text.db", code=65).stderr
    assert not (tmp_path / "none.db").exists()


def test_a_database_of_a_newer_edgecls(edgecls, tmp_path):
    filled(tmp_path / "results.db", "INSERT INTO _sqlite_migrations VALUES (99, 'edgecls', 'm999_later', '2030')")
    assert "was written by a newer edgecls" in edgecls("serve", code=65).stderr


@pytest.mark.parametrize("command", ["serve", "review"])
@pytest.mark.usefixtures("database")
def test_without_the_extra(edgecls, command):
    script = f"import sys; sys.modules['datasette'] = None; sys.argv = ['edgecls', '{command}']"
    script += "; from edgecls.cli.main import main; main()"
    said = edgecls(script=script, code=69).stderr
    assert said == "edgecls: error: datasette is not installed: pip install 'edgecls[serve]'\n"


def test_the_program_does_not_import_datasette(edgecls):
    edgecls(script="import sys, edgecls.cli.main; sys.exit('datasette' in sys.modules or 'uvicorn' in sys.modules)")
