"""The device lab: edgecls on an emulated arm64 computer with Debian and systemd. docs/experiments/device-lab.md says more.

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
    """Exit code: 0 if all holds, 1 if something does not, 2 if it could not be tried."""
    parser = argparse.ArgumentParser(prog="device-lab", description="edgecls on an emulated arm64 computer")
    parser.add_argument("--short", action="store_true", help="what continuous integration runs")
    parser.add_argument("--cuts", type=int, help="so many power cuts (default: 1 in the short form, else 20)")
    parser.add_argument(
        "--only", nargs="+", metavar="JOB", help="one boot with these jobs of guest/, such as camera.py"
    )
    parser.add_argument("--source", type=Path, default=SOURCE, help="the edgecls that is tested (default: this one)")
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="for what is downloaded (default: %(default)s)"
    )
    parser.add_argument("--work", type=Path, help="where disk, log and evidence stay afterwards (default: nowhere)")
    parser.add_argument("--again", action="store_true", help="the device in --work, as the last run has left it")
    parser.add_argument("--report", type=Path, help="write what was found here too, in Markdown")
    options = parser.parse_args()
    if options.again and not options.work:
        parser.error("--again needs --work DIR")
    try:
        check_programs()
        if options.work:
            options.work.mkdir(parents=True, exist_ok=True)
            return run(options, options.work.resolve())
        with tempfile.TemporaryDirectory(prefix="edgecls-lab-") as work:
            return run(options, Path(work))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace, work: Path) -> int:
    """Build, boot, look."""
    seconds: dict[str, float] = {}
    source = options.source.resolve()
    device = Device.within(work)
    if not options.again:
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
    """The boots that were asked for."""
    if options.only:
        return lab.boot(", ".join(options.only), *options.only)
    form = short if options.short else full
    return form(lab) if options.cuts is None else form(lab, options.cuts)


if __name__ == "__main__":
    sys.exit(main())
