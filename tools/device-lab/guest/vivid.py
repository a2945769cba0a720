"""Use the kernel's test driver `vivid` as a camera: frames written to /dev/video1 can be looped into /dev/video0."""

import itertools
import subprocess
import threading
import time
from pathlib import Path

from unit import run

_DRIVER = Path("/sys/bus/platform/drivers/vivid")
WIDTH, HEIGHT = 640, 480
SHOWN_S = 10
"""Seconds for which each picture is shown."""
_SHOWN = Path("/run/shown.yuyv")


def plug_in() -> str:
    """Load the driver with one HDMI input and one HDMI output, both VGA. Returns the error, or ""."""
    run(
        "modprobe",
        "vivid",
        "n_devs=1",
        "node_types=0x101",
        "num_inputs=1",
        "input_types=0x3",
        "num_outputs=1",
        "output_types=0x1",
    )
    run("udevadm", "settle")
    return "" if Path("/dev/video0").exists() else run("sh", "-c", "modprobe vivid 2>&1")


def control(name: str, value: int) -> None:
    """Set a control of the camera; some of them cause faults."""
    run("v4l2-ctl", "-d0", "-c", f"{name}={value}")


def loop(frames: Path) -> "subprocess.Popen[bytes]":
    """Show the raw frames (YUYV, 640 x 480) of a file in a loop, until the returned process ends.

    Each is shown for some seconds. The process reads one file in a loop, and the content of that file changes.
    """
    timings = vga_timings()
    for device, way in (("-d1", "--set-fmt-video-out"), ("-d0", "--set-fmt-video")):
        run("v4l2-ctl", device, "--set-dv-bt-timings", f"index={timings}")
        run("v4l2-ctl", device, f"{way}=width={WIDTH},height={HEIGHT},pixelformat=YUYV")
    control("loop_video", 1)
    control("osd_text_mode", 2)
    content, size = frames.read_bytes(), WIDTH * HEIGHT * 2
    pictures = [content[begin : begin + size] for begin in range(0, len(content), size)]
    _SHOWN.write_bytes(pictures[0] * 2)
    threading.Thread(target=_change, args=(pictures,), daemon=True).start()
    return subprocess.Popen(
        ["v4l2-ctl", "-d1", "--stream-out-mmap=4", f"--stream-from={_SHOWN}", "--stream-loop", "--stream-count=0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _change(pictures: list[bytes]) -> None:
    """Write another picture every few seconds, in place, so that the process that has the file open reads it."""
    for picture in itertools.cycle(pictures):
        with _SHOWN.open("r+b") as file:
            file.write(picture * 2)
        time.sleep(SHOWN_S)


def vga_timings() -> str:
    """Return the index of the driver's timings for 640 x 480."""
    index, width = "", ""
    for line in run("v4l2-ctl", "-d0", "--list-dv-timings").splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "Index":
            index = value.strip()
        elif key == "Active width":
            width = value.strip()
        elif key == "Active height" and (width, value.strip()) == (str(WIDTH), str(HEIGHT)):
            return index
    return "0"


def unplug() -> None:
    """Unbind the driver: the device disappears while it is in use."""
    (_DRIVER / "unbind").write_text("vivid.0")


def plug_back() -> None:
    """Bind the driver again."""
    (_DRIVER / "bind").write_text("vivid.0")
    run("udevadm", "settle")
