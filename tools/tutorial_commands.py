"""Print the commands in the sh blocks of docs/tutorial.md, one a line: `make demo` runs what the tutorial shows."""

import re
from pathlib import Path

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"


def commands() -> list[str]:
    """Return the lines of all sh blocks, without comments, with continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text("utf-8"), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


if __name__ == "__main__":
    print("\n".join(commands()))
