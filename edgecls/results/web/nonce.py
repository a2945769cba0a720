"""Datasette's templates under a Content-Security-Policy that forbids inline scripts and styles.

Some of their inline scripts and styles contain column names, so a list of hashes does not work. Instead, each gets the
nonce of the response when its template is compiled. Text from the database is inserted later and cannot have one.
"""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path

from jinja2.ext import Extension

_TAG = re.compile(r"<(script|style)\b")
# Only decoration: the colour of a border. Expressions of Jinja contain quotes themselves.
_STYLE_ATTRIBUTE = re.compile(r'\sstyle="(?:\{\{.*?\}\}|\{%.*?%\}|[^"])*"')
_RESIZE = "cm-resize-1.0.1.min.js"


class Nonce(Extension):
    """A Jinja extension that adds a nonce to each script and style element and removes style attributes."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Rewrite the source of a template before it is compiled."""
        return _TAG.sub(r'<\1 nonce="{{ csp_nonce }}"', _STYLE_ATTRIBUTE.sub("", source))


def script_style_hashes(static: Path) -> list[str]:
    """Return the CSP sources for the style element that a script in Datasette's `static` folder adds.

    With another version of the script there are none, and only the handle that resizes the SQL editor has no style.
    """
    try:
        match = re.search(r'\.textContent=("(?:[^"\\]|\\.)*")', (static / _RESIZE).read_text("utf-8"))
    except OSError:
        match = None
    if match is None:
        return []
    texts = ("", json.loads(match[1]))  # it is added empty and filled afterwards
    return [f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts]
