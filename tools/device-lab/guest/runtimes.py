"""Both runtimes replay the golden examples: exactly with reference kernels, within tolerance with the fast ones."""

import json
from pathlib import Path

from evidence import SHARE, tell
from unit import said

ENVIRONMENTS = {"litert": "/opt/edgecls", "tflite-runtime": "/opt/tflite-runtime"}


def main() -> None:
    """One after the other; the daemon is stopped, so that it does not take their time."""
    said("systemctl", "stop", "edgecls.service")
    for runtime, environment in ENVIRONMENTS.items():
        if not Path(environment).exists():
            tell(f"{runtime} is in the image", environment, ok=False)
            continue
        out = said("sh", "-c", f"{environment}/bin/python3 {SHARE}/guest/golden.py 2>&1 | tail -1")
        try:
            found = json.loads(out)
        except ValueError:
            tell(f"{runtime} runs", out, ok=False)
            continue
        count = f"{found['examples']} examples, {found['runtime']}"
        tell(
            f"{runtime}: golden examples, reference kernels, exactly",
            f"{count}: largest difference of a score {found['reference']}; {found['reference_ms']:.0f} ms an image",
            ok=found["reference"] == 0 and found["examples"] > 0 and found["runtime"] == runtime,
        )
        tell(
            f"{runtime}: golden examples, fast kernels, within {found['tolerance']}",
            f"{count}: largest difference of a score {found['fast']:.4f}; {found['fast_ms']:.0f} ms an image",
            ok=found["fast"] <= found["tolerance"],
        )


if __name__ == "__main__":
    main()
