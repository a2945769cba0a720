"""Call invoke() in a loop and do nothing else: the physical limit. Each interpreter has its own thread."""

import argparse
import threading
import time
from typing import Any

from device_benchmark.loops.rows import report


def interpreter(runtime: str, model: str, threads: int) -> Any:
    """Return an interpreter that is ready for invoke()."""
    if runtime == "litert":
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    one = Interpreter(model_path=model, num_threads=threads)
    one.allocate_tensors()
    one.invoke()
    return one


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--interpreters", type=int, default=1)
    parser.add_argument("--times", type=int, required=True)
    options = parser.parse_args()
    each = options.times // options.interpreters

    def invoke(one: Any) -> None:
        for _ in range(each):
            one.invoke()

    workers = [
        threading.Thread(target=invoke, args=[interpreter(options.runtime, options.model, options.threads)])
        for _ in range(options.interpreters)
    ]
    cpu, begun = time.process_time(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - begun
    report(images=each * options.interpreters, seconds=seconds, cpu_seconds=time.process_time() - cpu)


if __name__ == "__main__":
    main()
