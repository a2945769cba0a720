"""Prints the tables of docs/reference/configuration.md from the code; with --write, puts them there.

Writes systemd/edgecls.toml, the example configuration, too. A test compares both with the code.
"""

import sys
from pathlib import Path

from edgecls.device.configuration.reference import markdown
from edgecls.service.files import example_config

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "configuration.md"
EXAMPLE = ROOT / "systemd" / "edgecls.toml"
MARK = "<!-- From here on written by tools/configuration_page.py -->\n"


def write() -> None:
    """Bring both files up to date."""
    head = PAGE.read_text("utf-8").partition(MARK)[0]
    PAGE.write_text(f"{head}{MARK}\n{markdown()}\n", "utf-8")
    EXAMPLE.write_text(example_config(None), "utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    else:
        print(markdown())
