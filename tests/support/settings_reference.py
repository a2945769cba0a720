"""The tool tools/configuration_page.py, which is a script, as a module."""

import runpy

from paths import ROOT

_tool = runpy.run_path(str(ROOT / "tools" / "configuration_page.py"))
EXAMPLE, PAGE = _tool["EXAMPLE"], _tool["PAGE"]
example, markdown, sections = _tool["example"], _tool["markdown"], _tool["sections"]
