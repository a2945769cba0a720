"""The emulated machine: a Cortex-A72 with two cores, no network, and a folder that it shares with the host."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from device import Device
from host import LabError

BOOT_LIMIT_S = 1800
"""No boot with its job takes this long, be the host as busy as it may."""
_LOOK_S = 0.05


@dataclass(frozen=True)
class Cut:
    """Pull the plug `after_s` seconds after the job has made the file `sign` in the shared folder."""

    sign: str
    after_s: float


@dataclass(frozen=True)
class Boot:
    """How it went: `ended` is `power off`, `power cut`, or `never` if it had to be ended."""

    ended: str
    seconds: float
    code: int | None
    """The job's exit code; None if it did not come to its end."""


@dataclass(frozen=True)
class Machine:
    """A device in its socket, with `share` as /mnt/host in it."""

    device: Device
    share: Path
    memory_mib: int = 1024

    def boot(self, job: str, *, cut: Cut | None = None) -> Boot:
        """Boot, run the shell line `job` in the shared folder, power off; or be cut off before."""
        for name in ("job.out", "job.code", *([cut.sign] if cut else [])):
            (self.share / name).unlink(missing_ok=True)
        (self.share / "job").write_text(job + "\n")
        begun = time.monotonic()
        with _forgetful_disk(self.device.disk, self.share.parent) as (address, server):
            qemu = subprocess.Popen(self._command(address), stdin=subprocess.DEVNULL)
            try:
                ended = _watch(qemu, server, self.share, cut)
            finally:
                qemu.kill()
                qemu.wait()
        code = self.share / "job.code"
        return Boot(ended, time.monotonic() - begun, int(code.read_text()) if code.exists() else None)

    def _command(self, disk: str) -> list[str]:
        return [
            "qemu-system-aarch64",
            *("-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-smp", "2", "-m", str(self.memory_mib)),
            *("-accel", "tcg,thread=multi,tb-size=512", "-display", "none", "-nic", "none", "-monitor", "none"),
            *("-no-reboot", "-kernel", str(self.device.kernel), "-initrd", str(self.device.initrd)),
            *("-append", "root=/dev/vda rw console=ttyAMA0 quiet loglevel=4"),
            *("-drive", f"file={disk},format=raw,if=none,id=d0,cache=writeback"),
            *("-device", "virtio-blk-pci,drive=d0", "-device", "virtio-rng-pci"),
            *("-virtfs", f"local,path={self.share},mount_tag=host,security_model=none,multidevs=remap"),
            *("-serial", f"file:{self.share.parent / 'console.log'}"),
        ]


@contextlib.contextmanager
def _forgetful_disk(disk: Path, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The disk as a drive with a write cache that a power cut empties; yields its address and the server of it.

    Ending the emulator alone would lose only what the device had not yet written, flushed or not.
    """
    socket = folder / "disk.sock"
    socket.unlink(missing_ok=True)
    server = subprocess.Popen(
        ["nbdkit", "-f", "-U", socket, "--filter=cache", "file", disk, "cache=writeback"],
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        while not socket.exists():
            if server.poll() is not None:
                raise LabError("nbdkit does not serve the disk: is its cache filter there (package nbdkit)?")
            time.sleep(_LOOK_S)
        yield f"nbd:unix:{socket}", server
    finally:
        server.terminate()
        server.wait()


def _watch(qemu: "subprocess.Popen[bytes]", server: "subprocess.Popen[bytes]", share: Path, cut: Cut | None) -> str:
    limit = time.monotonic() + BOOT_LIMIT_S
    while qemu.poll() is None:
        if cut and (share / cut.sign).exists():
            time.sleep(cut.after_s)
            server.kill()
            qemu.kill()
            return "power cut"
        if time.monotonic() > limit:
            return "never"
        time.sleep(_LOOK_S)
    return "power off"
