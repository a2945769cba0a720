"""The emulated machine: a Cortex-A72 with two cores, without network, with a folder shared with the host."""

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
"""Time limit of a boot with its job, even on a busy host."""
_LOOK_S = 0.05


@dataclass(frozen=True)
class Cut:
    """Cut the power `after_s` seconds after the job has created the file `sign` in the shared folder."""

    sign: str
    after_s: float


@dataclass(frozen=True)
class Boot:
    """The outcome of a boot: `ended` is `power off`, `power cut`, or `never` if it timed out."""

    ended: str
    seconds: float
    code: int | None
    """The job's exit code; None if it did not finish."""


@dataclass(frozen=True)
class Machine:
    """A device in an emulator, with `share` mounted at /mnt/host."""

    device: Device
    share: Path
    memory_mib: int = 1024

    def boot(self, job: str, *, cut: Cut | None = None) -> Boot:
        """Boot, run the shell line `job` in the shared folder, and power off, or cut the power before."""
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
    """Serve the disk with a write cache that a power cut empties; yield its address and the server.

    Killing only the emulator would keep unflushed writes that a real power cut loses.
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
