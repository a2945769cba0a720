"""How much memory there is, told by real limits, and by files as kernels of other machines write them."""

import resource
import subprocess
import sys

import pytest

from edgecls.memory import available_memory

pytestmark = pytest.mark.slow

MIB = 2**20


@pytest.fixture
def machine(tmp_path):
    """(/proc, /sys/fs/cgroup) of a machine of 4 GB, on which this process takes 100 MiB; groups as they are given."""

    def machine(of_process, **limits):
        proc, groups = tmp_path / "proc", tmp_path / "cgroup"
        (proc / "self").mkdir(parents=True)
        (proc / "meminfo").write_text("MemTotal:        4000000 kB\nMemFree:          100000 kB\n")
        (proc / "self" / "statm").write_text(f"200000 {100 * MIB // resource.getpagesize()} 3000 1 0 20000 0\n")
        (proc / "self" / "cgroup").write_text(of_process)
        for name, size in limits.items():
            file = groups / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{size}\n")
        return available_memory(proc, groups)

    return machine


def test_half_of_the_memory(machine):
    assert machine("0::/\n") == (2_048_000_000, "half of the memory of 4,096 MB")


@pytest.mark.parametrize("file", ["memory.max", "memory.high"])
def test_the_limit_of_the_unit(machine, file):
    left = machine("0::/system.slice/edgecls.service\n", **{f"system.slice/edgecls.service/{file}": 380 * MIB})
    assert left == ((380 - 100 - 32) * MIB, f"the limit of 398 MB (edgecls.service, {file})")


def test_the_limit_of_a_group_above(machine):
    left = machine(
        "0::/system.slice/edgecls.service\n",
        **{"system.slice/edgecls.service/memory.max": "max", "system.slice/memory.max": 200 * MIB},
    )
    assert left == (68 * MIB, "the limit of 210 MB (system.slice, memory.max)")


def test_the_limit_of_version_1_and_of_a_container_that_does_not_see_its_path(machine):
    assert machine("5:cpu:/x\n4:hugetlb,memory:/docker/abc\n0::/\n", **{"memory/memory.limit_in_bytes": 300 * MIB}) == (
        168 * MIB,
        "the limit of 315 MB (memory, memory.limit_in_bytes)",
    )


def test_no_limit_of_version_1_is_a_great_one(machine):
    assert machine("4:memory:/x\n", **{"memory/x/memory.limit_in_bytes": 2**63 - 4096}).size == 2_048_000_000


def test_less_than_is_taken_leaves_nothing(machine):
    assert machine("0::/a\n", **{"a/memory.max": 50 * MIB}).size == 0


def test_where_nothing_can_be_read(tmp_path):
    assert available_memory(tmp_path, tmp_path).size > 2**40


@pytest.mark.parametrize(("limit", "option"), [("RLIMIT_AS", "-v"), ("RLIMIT_DATA", "-d")])
def test_the_limit_of_a_shell(limit, option):
    script = (
        f"import resource; resource.setrlimit(resource.{limit}, (2**31, 2**31))\n"
        "from edgecls.memory import available_memory\n"
        "left = available_memory()\n"
        "print(left.size, left.limit)\n"
        "bytearray(left.size)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    size, _, words = done.stdout.partition(" ")
    if "half of" in words:
        pytest.skip("a machine of less than 4 GB")
    assert words.strip() == f"the limit of 2,147 MB (ulimit {option})"
    assert 2**30 < int(size) < 2**31 - 32 * MIB
