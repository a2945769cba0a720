"""List the files of edgecls that a frame crosses in the steady state of the daemon, in the order of their first call.

    python tools/frame_path.py [--after keep|move|delete] [--images FOLDER]

Runs `edgecls run` over a folder of images, in this process and with a profile hook in every thread. Counts what is called
while the second third of the files is processed: not the start, the first scan of the folder, idling or the end. Code that
runs between two frames is listed separately: the maintenance of the database, and the notifications to systemd.
"""

import argparse
import os
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import numpy as np

FILES = 120
TAKE, ACKNOWLEDGE = {"next_frame", "frames"}, {"acknowledge", "done"}
BETWEEN = {"_run_maintenance", "_on_step"}


class PathProfiler:
    """Count the calls into each file of `package` while a frame is on its way. Install `hook` as the profile function."""

    def __init__(self, package: Path) -> None:
        self._package = f"{package}{os.sep}"
        self._source = str(package / "device" / "sources" / "folder.py")
        self.taken = self.acknowledged = 0
        self.calls: Counter[str] = Counter()
        self.between: Counter[str] = Counter()
        self._depth = 0  # of functions in BETWEEN, which the main thread alone calls

    def hook(self, frame: FrameType, event: str, value: Any) -> None:
        """See sys.setprofile: `event` is "return" for a yield, too, and `value` then what is yielded."""
        code = frame.f_code
        if code.co_filename == self._source:
            self.taken += event == "return" and code.co_name in TAKE and value is not None
            self.acknowledged += event == "return" and code.co_name in ACKNOWLEDGE
        is_main = threading.current_thread() is threading.main_thread()
        if event == "call" and code.co_name in BETWEEN:
            self._depth += 1
        is_counted = self.taken > FILES // 3 and self.acknowledged < 2 * FILES // 3
        if is_counted and event == "call" and code.co_filename.startswith(self._package):
            calls = self.between if self._depth and is_main else self.calls
            calls[code.co_filename.removeprefix(self._package)] += 1
        if event == "return" and code.co_name in BETWEEN:
            self._depth -= 1


def write_images(inbox: Path, examples: list[Path]) -> None:
    """Write FILES copies of `examples`, or JPEGs of noise, 640 by 480 pixels, into the inbox."""
    inbox.mkdir()
    noise = np.random.default_rng(0)
    for n in range(FILES):
        if examples:
            data = examples[n % len(examples)].read_bytes()
        else:
            pixels = noise.integers(0, 255, (480, 640, 3), np.uint8)
            data = cv2.imencode(".jpg", pixels)[1].tobytes()
        (inbox / f"{n:04}.jpg").write_bytes(data)


def main() -> None:
    """Run the daemon over a temporary folder, and print the files."""
    parser = argparse.ArgumentParser(description="List the files of edgecls that a frame crosses.")
    parser.add_argument(
        "--after", default="keep", choices=("keep", "move", "delete"), help="see the setting source.after"
    )
    parser.add_argument("--images", type=Path, help="folder of JPEGs to classify (default: noise)")
    options = parser.parse_args()
    examples = sorted(options.images.rglob("*.jpg"))[:FILES] if options.images else []
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder, "inbox"), examples)
        config = Path(folder, "edgecls.toml")
        config.write_text(f'[source]\npath = "inbox"\nafter = "{options.after}"\nsettle_seconds = 0.01\n')
        import edgecls
        from edgecls.cli.main import main as edgecls_main

        profiler = PathProfiler(Path(edgecls.__file__).parent)
        sys.argv = ["edgecls", "run", "--config", str(config), "--until-idle", "0.5"]
        threading.setprofile(profiler.hook)
        sys.setprofile(profiler.hook)
        try:
            edgecls_main()
        except SystemExit as ended:
            if ended.code:
                raise
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    between = {name: calls for name, calls in profiler.between.items() if name not in profiler.calls}
    for title, files in (("on the path of a frame", profiler.calls), ("between two frames", between)):
        print(f"{title}: {len(files)} files, {sum(files.values()) * 3 // FILES} calls a frame")
        for name, calls in files.items():
            print(f"{calls:7} {name}")


if __name__ == "__main__":
    main()
