"""Prints the commands of the README's first ```sh block, one a line: the demo runs what the README shows."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def commands() -> list[str]:
    """The block's lines, without comments and empty ones, lines that end in a backslash joined to the next."""
    block = re.search(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert block, "README.md has no ```sh block"
    lines = block[1].replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


if __name__ == "__main__":
    print("\n".join(commands()))
