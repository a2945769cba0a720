"""Replay the golden examples with both runtimes: exactly with reference kernels, within tolerance with fast ones."""

import json
from pathlib import Path

from evidence import SHARE, record
from unit import run

ENVIRONMENTS = {"litert": "/opt/edgecls", "tflite-runtime": "/opt/tflite-runtime"}


def main() -> None:
    """Test one runtime after the other, with the daemon stopped so that it does not compete for CPU time."""
    run("systemctl", "stop", "edgecls.service")
    for runtime, environment in ENVIRONMENTS.items():
        if not Path(environment).exists():
            record(f"{runtime} is in the image", environment, ok=False)
            continue
        out = run("sh", "-c", f"{environment}/bin/python3 {SHARE}/guest/golden.py 2>&1 | tail -1")
        try:
            outcome = json.loads(out)
        except ValueError:
            record(f"{runtime} runs", out, ok=False)
            continue
        count = f"{outcome['examples']} examples, {outcome['runtime']}"
        record(
            f"{runtime}: golden examples, reference kernels, exactly",
            f"{count}: largest difference of a score {outcome['reference']}; {outcome['reference_ms']:.0f} ms an image",
            ok=outcome["reference"] == 0 and outcome["examples"] > 0 and outcome["runtime"] == runtime,
        )
        record(
            f"{runtime}: golden examples, fast kernels, within {outcome['tolerance']}",
            f"{count}: largest difference of a score {outcome['fast']:.4f}; {outcome['fast_ms']:.0f} ms an image",
            ok=outcome["fast"] <= outcome["tolerance"],
        )


if __name__ == "__main__":
    main()
