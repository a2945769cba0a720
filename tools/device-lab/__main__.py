"""Test edgecls on an emulated arm64 computer with Debian and systemd. See docs/experiments/device-lab.md.

python tools/device-lab [--short] [--report FILE]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from device import Device, build
from forms import Lab, full, short
from host import LabError, check_programs, default_cache
from machine import Machine
from report import Check, page
from shown import prepare_share

SOURCE = Path(__file__).parents[2]


def main() -> int:
    """Run the lab and return the exit code: 0 all checks passed, 1 some failed, 2 the lab could not run."""
    parser = argparse.ArgumentParser(prog="device-lab", description="edgecls on an emulated arm64 computer")
    parser.add_argument("--short", action="store_true", help="the short form, for continuous integration")
    parser.add_argument("--cuts", type=int, help="number of power cuts (default: 1 in the short form, else 20)")
    parser.add_argument(
        "--only", nargs="+", metavar="JOB", help="boot once and run only these jobs of guest/, such as camera.py"
    )
    parser.add_argument("--source", type=Path, default=SOURCE, help="source tree to test (default: this one)")
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="folder for downloads (default: %(default)s)"
    )
    parser.add_argument("--work-dir", type=Path, help="keep disk image, console output and evidence here")
    parser.add_argument("--reuse", action="store_true", help="use the device in --work-dir as the last run left it")
    parser.add_argument("--report", type=Path, help="also write the checks to this Markdown file")
    options = parser.parse_args()
    if options.reuse and not options.work_dir:
        parser.error("--reuse needs --work-dir DIR")
    try:
        check_programs()
        if options.work_dir:
            options.work_dir.mkdir(parents=True, exist_ok=True)
            return run(options, options.work_dir.resolve())
        with tempfile.TemporaryDirectory(prefix="edgecls-lab-") as work:
            return run(options, Path(work))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace, work: Path) -> int:
    """Build the device, boot it, and collect the checks."""
    seconds: dict[str, float] = {}
    source = options.source.resolve()
    device = Device.within(work)
    if not options.reuse:
        build(device, source, options.cache.resolve(), work, both_runtimes=not options.short, seconds=seconds)
    share = work / "share"
    prepare_share(share, source, options.cache.resolve())
    checks: list[Check] = []
    for check in chosen(options, Lab(Machine(device, share), seconds)):
        print(check, flush=True)
        checks.append(check)
    failed = sum(not check.ok for check in checks)
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(page("Short form" if options.short else "Full form", checks, seconds))
    print(f"lab: {len(checks)} checks, {failed} failed, {sum(seconds.values()):.0f} s")
    return 1 if failed else 0


def chosen(options: argparse.Namespace, lab: Lab) -> Iterator[Check]:
    """Yield the checks of the selected boots."""
    if options.only:
        return lab.boot(", ".join(options.only), *options.only)
    form = short if options.short else full
    return form(lab) if options.cuts is None else form(lab, options.cuts)


if __name__ == "__main__":
    sys.exit(main())
