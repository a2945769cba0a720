import pytest

from edgecls.doctor.check_result import Status
from edgecls.doctor.heat import temperature, throttling

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
X86 = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"


@pytest.mark.parametrize(
    ("bits", "status", "message"),
    [
        ("0", "ok", "none since the boot"),
        ("50000", "warning", "since the boot: too little voltage, throttled"),
        ("80000", "warning", "since the boot: at its soft limit of temperature"),
        ("20002", "warning", "now: clock rate capped"),
        ("50005", "failed", "now: too little voltage, throttled"),
    ],
)
def test_what_a_raspberry_pi_tells(pi, bits, status, message):
    result = throttling(pi({FIRMWARE: f"{bits}\n"}))
    assert (result.status.value, result.message) == (status, message)
    assert ("power supply" in result.fix) == ("voltage" in message)


def test_an_older_one_tells_it_through_vcgencmd(pi, program):
    machine = pi({FIRMWARE: None})
    program("vcgencmd", 'test "$1" = get_throttled && echo throttled=0x50000')
    assert throttling(machine).message == "since the boot: too little voltage, throttled"


def test_a_vcgencmd_that_may_not_ask(pi, program):
    machine = pi({FIRMWARE: None})
    program("vcgencmd", "echo VCHI initialization failed; exit 255")
    assert throttling(machine).status is Status.skipped


def test_a_jetson_counts_too_much_current(orin):
    assert throttling(orin()).message == "17 times too much current since the boot"
    calm = orin({"sys/class/hwmon/hwmon3/oc3_event_cnt": "0\n"})
    assert throttling(calm) == (Status.ok, "none since the boot", "")


def test_x86_counts_too(board):
    assert throttling(board({X86: "0\n"})).status is Status.ok
    assert throttling(board({X86: "3\n"})).message == "a core was slowed down 3 times since the boot"


def test_what_the_kernel_does_now(pi):
    device = "sys/class/thermal/cooling_device1"
    hot = {f"{device}/type": "cpufreq-cpu0\n", f"{device}/cur_state": "2\n"}
    assert throttling(pi(hot)).message == "now: the kernel lowers the clock rate because of heat"
    assert throttling(pi(hot | {f"{device}/cur_state": "0\n"})).status is Status.ok


def test_temperatures(pi):
    assert temperature(pi()) == (Status.ok, "49 C (cpu-thermal)", "")


def test_sensors_that_are_off_or_measure_nothing_do_not_count(orin):
    result = temperature(orin())
    assert (result.status, result.message[:18]) == (Status.warning, "82 C (cpu-thermal)")


def test_nothing_to_be_read(board):
    assert temperature(board({})).status is throttling(board({})).status is Status.skipped
    broken = {"sys/class/thermal/thermal_zone0/temp": "what?\n"}
    assert temperature(board(broken)).status is Status.skipped
