"""The tool that writes the reference of all settings, as a module: it is a script in tools/."""

import runpy

from paths import ROOT

_tool = runpy.run_path(str(ROOT / "tools" / "configuration_page.py"))
EXAMPLE, PAGE = _tool["EXAMPLE"], _tool["PAGE"]
example, markdown, sections = _tool["example"], _tool["markdown"], _tool["sections"]
