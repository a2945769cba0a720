"""Unpack the device's system, Debian 12 for arm64, on the host without running any of its code.

debootstrap resolves and downloads. The packages' own scripts cannot run here: that would need an emulator and eight
minutes. The few steps that a bootable system needs are done by hand, so dpkg is not usable in it. Documentation, manual
pages and translations are left out.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from host import python311, run

SUITE = "bookworm"
PACKAGES = (
    "systemd,systemd-sysv,dbus,udev,kmod,python3,iproute2,linux-image-arm64,klibc-utils,procps,v4l-utils,e2fsprogs,"
    "util-linux,netbase"
)
_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/info", "./usr/share/i18n")
_NEVER = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer"
)
_RECIPE = 1  # increase when this file builds something else from the same packages


def base_system(cache: Path) -> Path:
    """Return the root folder of the unpacked system, built once. Do not change it: copies share hard links with it."""
    key = hashlib.sha256(f"{SUITE} {PACKAGES} {_LEFT_OUT} {_NEVER} {_RECIPE}".encode()).hexdigest()[:12]
    root = cache / f"system-{key}"
    if root.is_dir():
        return root
    for stale in cache.glob("system-*"):
        shutil.rmtree(stale)
    making = cache / "making"
    shutil.rmtree(making, ignore_errors=True)
    (cache / "debs").mkdir(parents=True, exist_ok=True)
    _download(making, cache)
    _unpack(making)
    _finish(making)
    making.rename(root)
    return root


def kernel_release(root: Path) -> str:
    """Return the release of the installed kernel."""
    (release,) = os.listdir(root / "usr/lib/modules")
    return release


def _download(root: Path, cache: Path) -> None:
    run(
        "debootstrap",
        "--arch=arm64",
        "--foreign",
        "--variant=minbase",
        f"--cache-dir={cache / 'debs'}",
        f"--include={PACKAGES}",
        SUITE,
        root,
        log=cache / "debootstrap.log",
    )


def _unpack(root: Path) -> None:
    left_out = [f"--exclude={path}" for path in _LEFT_OUT]
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE).stdout
        run("tar", "-x", "-p", "--keep-directory-symlink", *left_out, "-C", root, stdin=files)
        package.unlink()
    proc = root / "proc"
    if proc.is_symlink():  # debootstrap's
        proc.unlink()
        proc.mkdir()
    shutil.rmtree(root / "debootstrap")
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)


def _finish(root: Path) -> None:
    """Do what the scripts of base-files, base-passwd, systemd, dbus, mawk and linux-image would do."""
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    for name in ("base-files/nsswitch.conf", "libc-bin/nsswitch.conf"):
        if (root / "usr/share" / name).exists():
            shutil.copy(root / "usr/share" / name, root / "etc/nsswitch.conf")
    run("systemd-sysusers", f"--root={root}")
    _add_user(root, "messagebus", 996)
    (root / "usr/bin/awk").symlink_to("mawk")
    run("depmod", "-b", root, kernel_release(root))
    run("systemctl", f"--root={root}", "preset-all")
    for unit in _NEVER.split():
        mask = root / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    if python := python311():  # the daemon may not write there, and compiling at each start is slow in an emulator
        run(python, "-m", "compileall", "-q", "-s", root, "-p", "/", root / "usr/lib/python3.11")


def _add_user(root: Path, name: str, number: int) -> None:
    passwd = root / "etc/passwd"
    if f"\n{name}:" in passwd.read_text():
        return
    with passwd.open("a") as file:
        file.write(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
    with (root / "etc/group").open("a") as file:
        file.write(f"{name}:x:{number}:\n")
