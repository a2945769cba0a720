"""The kernel's files of two boards, as far as the checks read them."""

PI_4 = {
    "proc/cpuinfo": "".join(
        f"processor\t: {n}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
        for n in range(4)
    )
    + "Revision\t: c03115\nSerial\t\t: 10000000abcdef01\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n",
    "proc/meminfo": "MemTotal:        3884368 kB\nMemFree:         2926144 kB\nMemAvailable:    3386220 kB\n"
    "SwapTotal:        102396 kB\nSwapFree:         102396 kB\n",
    "proc/vmstat": "nr_free_pages 731536\noom_kill 0\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_driver": "cpufreq-dt\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors": "conservative ondemand performance \n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1800000\n",
    "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "1800000\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48686\n",
    "sys/class/thermal/cooling_device0/type": "gpio-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "1\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\n",
    "etc/group": "root:x:0:\nvideo:x:44:pi\npi:x:1000:\n",
    "run/systemd/timesync/synchronized": "",
}

ORIN_NANO = {
    "proc/cpuinfo": "".join(
        f"processor\t: {n}\nBogoMIPS\t: 62.50\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp "
        "asimdhp cpuid asimdrdm lrcpc dcpop asimddp uscat ilrcpc flagm paca pacg\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd42\nCPU revision\t: 1\n\n"
        for n in range(6)
    ),
    "proc/meminfo": "MemTotal:        7802664 kB\nMemFree:          138496 kB\nMemAvailable:     126088 kB\n"
    "SwapTotal:       3901328 kB\nSwapFree:        1901328 kB\n",
    **{
        f"sys/devices/system/cpu/cpufreq/policy{n}/{name}": text
        for n in (0, 4)
        for name, text in {
            "scaling_governor": "schedutil\n",
            "scaling_driver": "tegra194\n",
            "scaling_max_freq": "1113600\n",  # nvpmodel's 7 W
            "cpuinfo_max_freq": "1510400\n",
        }.items()
    },
    "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon3/oc3_event_cnt": "17\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "81500\n",
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "-256000\n",  # switched off
    "sys/class/thermal/thermal_zone2/type": "PMIC-Die\n",
    "sys/class/thermal/thermal_zone2/temp": "100000\n",  # measures nothing
    "dev/rtc0": "",
}
