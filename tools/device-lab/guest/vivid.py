"""The kernel's test driver `vivid` as a camera: /dev/video0, into which what is written to /dev/video1 can be looped."""

import itertools
import subprocess
import threading
import time
from pathlib import Path

from unit import said

_DRIVER = Path("/sys/bus/platform/drivers/vivid")
WIDTH, HEIGHT = 640, 480
SHOWN_S = 10
"""How long each picture stands before the camera."""
_SHOWN = Path("/run/shown.yuyv")


def plug_in() -> str:
    """Load the driver: one HDMI input, one HDMI output, both VGA. Returns what went wrong, if anything did."""
    said(
        "modprobe",
        "vivid",
        "n_devs=1",
        "node_types=0x101",
        "num_inputs=1",
        "input_types=0x3",
        "num_outputs=1",
        "output_types=0x1",
    )
    said("udevadm", "settle")
    return "" if Path("/dev/video0").exists() else said("sh", "-c", "modprobe vivid 2>&1")


def control(name: str, value: int) -> None:
    """Set a control of the camera, among which are its faults."""
    said("v4l2-ctl", "-d0", "-c", f"{name}={value}")


def loop(frames: Path) -> "subprocess.Popen[bytes]":
    """Have the camera see the raw frames (YUYV, 640 x 480) of a file in turn, as long as the process lives.

    Each stands for some seconds. The process reads one file again and again, and what is in that file changes.
    """
    timings = vga_timings()
    for device, way in (("-d1", "--set-fmt-video-out"), ("-d0", "--set-fmt-video")):
        said("v4l2-ctl", device, "--set-dv-bt-timings", f"index={timings}")
        said("v4l2-ctl", device, f"{way}=width={WIDTH},height={HEIGHT},pixelformat=YUYV")
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
    """Another picture every few seconds; in place, so that whoever has the file open reads it."""
    for picture in itertools.cycle(pictures):
        with _SHOWN.open("r+b") as file:
            file.write(picture * 2)
        time.sleep(SHOWN_S)


def vga_timings() -> str:
    """The number of the driver's timings for 640 x 480."""
    index, width = "", ""
    for line in said("v4l2-ctl", "-d0", "--list-dv-timings").splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "Index":
            index = value.strip()
        elif key == "Active width":
            width = value.strip()
        elif key == "Active height" and (width, value.strip()) == (str(WIDTH), str(HEIGHT)):
            return index
    return "0"


def unplug() -> None:
    """Pull the cable: the device is gone, under whoever uses it."""
    (_DRIVER / "unbind").write_text("vivid.0")


def plug_back() -> None:
    """Put the cable back."""
    (_DRIVER / "bind").write_text("vivid.0")
    said("udevadm", "settle")
