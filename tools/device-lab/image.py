"""Build disk, kernel and initial RAM disk without mounting anything."""

import gzip
import shutil
import subprocess
from pathlib import Path

from host import run
from rootfs import kernel_release

SIZE = "3G"
"""Size of the disk; the file is sparse."""
_MODULES = (
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "drivers/pci/controller/pci-host-common",
    "drivers/pci/controller/pci-host-generic",
    "drivers/block/virtio_blk",
    "crypto/crc32c_generic",
    "lib/libcrc32c",
    "lib/crc16",
    "fs/mbcache",
    "fs/jbd2/jbd2",
    "fs/ext4/ext4",
)
"""The modules that Debian's kernel needs to mount an ext4 virtio disk, in the order of loading; some are built in, by version."""
_INIT = """#!/bin/sh
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for module in {modules}; do insmod /m/$module.ko; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
mount -t ext4 -o rw /dev/vda /root || {{ echo lab: no root file system; exec sleep 10000; }}
for folder in dev proc sys; do mount -o move /$folder /root/$folder; done
exec run-init /root /sbin/init
"""


def make_disk(root: Path, disk: Path) -> None:
    """Build an ext4 file system with everything below `root`."""
    disk.unlink(missing_ok=True)
    run("mke2fs", "-q", "-t", "ext4", "-m", "0", "-E", "root_owner=0:0,lazy_itable_init=1", "-d", root, disk, SIZE)


def take_kernel(root: Path, kernel: Path) -> None:
    """Copy the kernel from below `root`."""
    shutil.copyfile(root / f"boot/vmlinuz-{kernel_release(root)}", kernel)


def make_initrd(root: Path, initrd: Path, folder: Path) -> None:
    """Pack klibc's static programs and the modules that the disk needs; `folder` is for building."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("bin", "lib", "dev", "proc", "sys", "root", "m"):
        (folder / name).mkdir(parents=True)
    for program in ("sh", "insmod", "mount", "run-init", "sleep"):
        shutil.copy(root / "usr/lib/klibc/bin" / program, folder / "bin" / program)
    for library in (root / "usr/lib").glob("klibc-*.so"):
        shutil.copy(library, folder / "lib" / library.name)
    modules = root / "usr/lib/modules" / kernel_release(root) / "kernel"
    loaded = [module for module in _MODULES if (modules / f"{module}.ko").exists()]
    for module in loaded:
        shutil.copy(modules / f"{module}.ko", folder / "m")
    init = folder / "init"
    init.write_text(_INIT.format(modules=" ".join(Path(module).name for module in loaded)))
    init.chmod(0o755)
    names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], cwd=folder, input=names.encode(), stdout=subprocess.PIPE, check=True
    )
    initrd.write_bytes(gzip.compress(packed.stdout))
