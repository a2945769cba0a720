"""Memory, disk and clock."""

import subprocess

from edgecls.doctor import disk
from edgecls.doctor.check_result import Status
from edgecls.doctor.clock import clock
from edgecls.doctor.memory import memory


def test_memory(pi):
    assert memory(pi()) == (Status.ok, "3306 of 3793 MiB available, 0 of 99 MiB of swap used", "")


def test_little_memory(orin):
    result = memory(orin())
    assert (result.status, result.message[:31]) == (Status.warning, "123 of 7619 MiB available, 1953")


def test_processes_that_were_killed(pi):
    result = memory(pi({"proc/vmstat": "oom_kill 2\n"}))
    assert result.status is Status.warning
    assert "2 processes killed" in result.message


def test_without_a_proc(board):
    assert memory(board({})).status is Status.skipped


def test_the_disk_of_a_database_whose_folder_is_not_there_yet(board, tmp_path):
    result = disk.disk(board({}, database=tmp_path / "not" / "yet" / "results.db"))
    assert result.message.endswith(f"MiB free at {tmp_path}")


def test_a_full_disk(board, small_disk):
    result = disk.disk(board({}, database=small_disk / "results.db"))
    assert (result.status, result.fix) == (Status.failed, "free some space")


def test_a_disk_that_is_read_only(board, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = disk.disk(board({}, database=small_disk / "results.db"))
    assert (result.status, result.message) == (Status.failed, f"{small_disk} is mounted read-only")


def test_a_disk_that_runs_out_of_files(board, small_disk):
    subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=50", small_disk], check=True)
    result = disk.disk(board({}, database=small_disk / "results.db"))
    assert result.status is Status.warning
    assert "files can still be made" in result.message


def test_a_clock_that_a_server_has_set(pi):
    assert clock(pi()) == (Status.ok, "synchronised; no clock with a battery", "")


def test_a_clock_that_none_has_set(orin, program):
    machine = orin()
    assert clock(machine).status is Status.skipped
    program("timedatectl", 'test "$2" = --property=NTPSynchronized && echo no')
    result = clock(machine)
    assert result.status is Status.warning
    assert result.message.endswith("not synchronised; a clock with a battery")
    program("timedatectl", "echo yes")
    assert clock(machine).status is Status.ok


def test_the_kernel_is_asked_where_there_is_no_systemd():
    from edgecls.doctor.clock import _by_the_kernel

    assert _by_the_kernel() in (True, False, None)
