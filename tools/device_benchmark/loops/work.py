"""Do the work of edgecls on one image in one thread, and nothing else: decode, resize, infer, write the row."""

import argparse
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from device_benchmark.loops.rows import report
from edgecls.database.store import Store
from edgecls.images.file_frame import file_frame
from edgecls.inference.classifier import Classifier

if TYPE_CHECKING:
    from edgecls.records import Classification


def main() -> None:
    """Print the figures as JSON; `cpu_seconds` is that of this one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--files", type=Path, required=True, help="a text file with one path per line")
    options = parser.parse_args()
    classifier = Classifier(options.model, threads=1)
    paths = options.files.read_text().splitlines()
    with Store(options.database) as store:
        store.begin_run(
            sha256=classifier.model.sha256, model_name="", labels=classifier.model.labels, metrics={}, device="",
            source="files", version="", config={},
        )  # fmt: skip
        classifier.classify(paths[0])
        done: list[Classification] = []
        begun, cpu = time.perf_counter(), time.thread_time()
        with store.database.atomic():  # one commit for all: the lowest cost of rows
            for path in paths:
                done.append(classifier.classify(file_frame("files", path, path)))
                store.write(done[-1])
        seconds, cpu_seconds = time.perf_counter() - begun, time.thread_time() - cpu
    assert threading.active_count() == 1
    decode = sum(one.decode_ms or 0.0 for one in done) / len(done)
    infer = sum(one.infer_ms or 0.0 for one in done) / len(done)
    report(images=len(done), seconds=seconds, cpu_seconds=cpu_seconds, decode_ms=decode, infer_ms=infer)


if __name__ == "__main__":
    main()
