"""Build the documentation site: `make docs`, or `sphinx-build -W docs build/docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from edgecls.version import __version__

project = "edgecls"
author = "the edgecls authors"
copyright = "the edgecls authors"  # noqa: A001  # Sphinx reads this name
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4

# The site is built where TensorFlow need not be installed.
autodoc_mock_imports = ["tensorflow", "keras", "sklearn", "scipy", "matplotlib", "optuna"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = f"edgecls {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
