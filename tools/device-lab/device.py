"""The device under test: Debian, edgecls as users install it, and a unit that runs the jobs of the host."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from environment import build_wheel, download_dependencies, lay_out, run_as_installed
from host import run, timed
from image import make_disk, make_initrd, take_kernel
from rootfs import base_system

EDGECLS = "/opt/edgecls"
OTHER_RUNTIME = "/opt/tflite-runtime"
OLDER = ("tflite-runtime>=2.14", "numpy<2", "opencv-python-headless<4.12")
"""The requirements of the extra `tflite-runtime`, named here so that they are chosen before newer ones."""
_SLACK = """# Emulated seconds are not a device's: importing takes ten times as long.
[Service]
TimeoutStartSec=900
"""
_PATIENCE = """# A host that is busy with other things must not end the device's boot.
[Manager]
DefaultTimeoutStartSec=1800
DefaultTimeoutStopSec=600
DefaultDeviceTimeoutSec=1800
"""
_CONSOLES = ("serial-getty@ttyAMA0.service", "getty@tty1.service", "console-getty.service")
_SHARE = """[Unit]
Description=The host's folder
[Mount]
What=host
Where=/mnt/host
Type=9p
Options=trans=virtio,version=9p2000.L,msize=262144,cache=none
"""
_JOB = """[Unit]
Description=Run the host's job and power off
After=multi-user.target mnt-host.mount
Requires=mnt-host.mount
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=exec
Environment=PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ExecStart=/bin/sh -c 'cd /mnt/host && sh ./job >job.out 2>&1; echo $? >job.code; sync'
"""
_TARGET = """[Unit]
Description=After boot, the host's job
Requires=multi-user.target
After=multi-user.target
AllowIsolate=yes
"""


@dataclass(frozen=True)
class Device:
    """The files that an emulator needs to run the device."""

    kernel: Path
    initrd: Path
    disk: Path

    @classmethod
    def within(cls, folder: Path) -> "Device":
        """Return a device whose files are in `folder`, or will be."""
        return cls(folder / "kernel", folder / "initrd", folder / "disk")


def build(
    device: Device, source: Path, cache: Path, work: Path, *, both_runtimes: bool, seconds: dict[str, float]
) -> None:
    """Build the device with the edgecls in `source`; keep downloads in `cache` and rebuild the rest in `work`."""
    cache.mkdir(parents=True, exist_ok=True)
    root = work / "system"
    with timed("unpack Debian", seconds):
        base = base_system(cache)
        shutil.rmtree(root, ignore_errors=True)
        run("cp", "-al", base, root)
    with timed("install edgecls and its dependencies", seconds):
        wheel = build_wheel(source, work / "wheel")
        lay_out(root, EDGECLS, wheel, download_dependencies(wheel, cache))
        if both_runtimes:
            lay_out(root, OTHER_RUNTIME, wheel, download_dependencies(wheel, cache, OLDER), OLDER)
            shutil.rmtree(next((root / OTHER_RUNTIME.lstrip("/")).glob("lib/*/site-packages/ai_edge_litert")))
    with timed("install the service", seconds):
        run_as_installed(root, EDGECLS, "service", "install", "--root", str(root))
        _add_harness(root)
    with timed("make disk and kernel", seconds):
        take_kernel(root, device.kernel)
        make_initrd(root, device.initrd, work / "initrd-files")
        make_disk(root, device.disk)
    shutil.rmtree(root)


def _add_harness(root: Path) -> None:
    """Add the lab's own files. They change nothing about edgecls but the time it has to start."""
    units = Path("etc/systemd/system")
    for path, text in {
        Path("etc/hostname"): "lab\n",
        Path("etc/hosts"): "127.0.0.1 localhost lab\n",
        Path("etc/fstab"): "/dev/vda / ext4 defaults 0 1\n",
        Path("etc/machine-id"): "",  # the first boot fills it
        Path("etc/modules-load.d/lab.conf"): "9p\n9pnet_virtio\n",
        Path("etc/systemd/journald.conf.d/lab.conf"): "[Journal]\nStorage=persistent\nSystemMaxUse=50M\n",
        Path("etc/systemd/system.conf.d/lab.conf"): _PATIENCE,
        units / "edgecls.service.d/lab.conf": _SLACK,
        units / "edgecls@.service.d/lab.conf": _SLACK,
        units / "mnt-host.mount": _SHARE,
        units / "lab-job.service": _JOB,
        units / "lab.target": _TARGET,
    }.items():
        _put(root / path, text)
    (root / "mnt/host").mkdir(parents=True)
    for name in _CONSOLES:
        (root / units / name).unlink(missing_ok=True)
        (root / units / name).symlink_to("/dev/null")
    wants = root / units / "lab.target.wants"
    wants.mkdir()
    (wants / "lab-job.service").symlink_to("../lab-job.service")
    default = root / units / "default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("lab.target")


def _put(path: Path, text: str) -> None:
    """Write a new file; an existing one may have hard links in the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
