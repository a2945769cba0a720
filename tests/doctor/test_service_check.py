import pytest

from edgecls.doctor.check_result import Status
from edgecls.doctor.service import service
from edgecls.service.files import Instance
from edgecls.service.install import install


@pytest.fixture
def installed(board, tmp_path):
    """As `edgecls service install --root` leaves an image."""

    def installed(name=None):
        machine = board({})
        install(Instance(name), tmp_path / "root")
        return machine

    return installed


def test_no_unit(board):
    assert service(board({})) == (Status.skipped, "no unit is installed", "edgecls service install")


def test_an_image(installed):
    message = "edgecls.service: started at boot, watchdog 60 s; systemd is not asked here"
    assert service(installed()) == (Status.ok, message, "")


def test_one_of_several(installed):
    assert service(installed("gate")).message.startswith("edgecls@gate.service: started at boot, watchdog 60 s")


def test_a_unit_that_is_not_started_at_boot(installed):
    machine = installed()
    machine.system.path(str(Instance().link_path)).unlink()
    assert service(machine).fix == "sudo systemctl enable edgecls"


@pytest.mark.parametrize(
    ("told", "status", "end"),
    [
        ("ActiveState=active WatchdogUSec=1min", "ok", "watchdog 1min; active"),
        ("ActiveState=active WatchdogUSec=0", "warning", "no watchdog; active"),
        ("ActiveState=active WatchdogUSec=1min NRestarts=3", "warning", "started again 3 times"),
        ("ActiveState=inactive WatchdogUSec=1min", "warning", "it is inactive"),
        ("ActiveState=failed Result=exit-code WatchdogUSec=1min", "failed", "it has failed (exit-code)"),
    ],
)
def test_what_systemd_tells(installed, program, told, status, end):
    machine = installed()
    program("systemctl", f'test "$2" = edgecls.service && printf "%s\\n" {told}')
    result = service(machine)
    assert result.status.value == status
    assert result.message.endswith(end)


def test_the_worst_of_several_is_reported(installed, program):
    installed("gate")
    machine = installed("yard")
    program("systemctl", 'case "$2" in *yard*) echo ActiveState=failed;; *) echo ActiveState=active;; esac')
    assert service(machine).message.startswith("edgecls@yard.service")
