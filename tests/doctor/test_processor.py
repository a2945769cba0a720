import pytest

from edgecls.doctor.check_result import Status
from edgecls.doctor.processor import features, governor

POLICY = "sys/devices/system/cpu/cpufreq/policy0"


def test_a_raspberry_pi_4_has_no_dot_product(pi):
    assert features(pi()) == (
        Status.ok,
        "4 x Cortex-A72: none of the instructions for int8; not dot product, int8 matrix multiply, float16",
        "",
    )


def test_a_jetson_orin_has(orin):
    assert features(orin()).message == "6 x Cortex-A78AE: dot product, float16; not int8 matrix multiply"


def test_two_kinds_of_cores_and_one_that_nobody_knows(board):
    parts = "".join(
        f"processor\t: {n}\nCPU implementer\t: 0x41\nCPU part\t: {p}\n\n" for n, p in enumerate(("0xd05", "0xfff"))
    )
    assert features(board({"proc/cpuinfo": parts})).message.startswith("2 x Cortex-A55 and part 0xfff: ")


def test_x86(board):
    text = "processor\t: 0\nmodel name\t: Intel(R)  N100\nflags\t\t: fpu avx2 avx_vnni\n\n"
    assert features(board({"proc/cpuinfo": text})).message == "1 x Intel(R) N100: AVX2, AVX-VNNI; not AVX-512 VNNI"


def test_a_kernel_that_shows_nothing(board):
    assert features(board({})).status is governor(board({})).status is Status.skipped


def test_the_governor_of_a_raspberry_pi(pi):
    assert governor(pi()) == (Status.ok, "ondemand (up to 1800 MHz)", "")


def test_powersave_is_the_lowest_clock_rate(pi):
    result = governor(pi({f"{POLICY}/scaling_governor": "powersave\n"}))
    assert result.status is Status.warning
    assert result.fix == "echo ondemand | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"


@pytest.mark.parametrize("driver", ["intel_pstate", "amd-pstate-epp"])
def test_except_where_the_driver_sees_to_it(pi, driver):
    changes = {f"{POLICY}/scaling_governor": "powersave\n", f"{POLICY}/scaling_driver": f"{driver}\n"}
    assert governor(pi(changes)).status is Status.ok


def test_a_jetson_whose_power_profile_lowers_the_clock(orin):
    result = governor(orin())
    assert result.status is Status.warning
    assert result.message == "schedutil (up to 1114 MHz): kept under 74% of what the cores can do"


def test_a_policy_that_tells_half(pi):
    assert governor(pi({f"{POLICY}/scaling_max_freq": None})).message == "ondemand (clock rate unknown)"
