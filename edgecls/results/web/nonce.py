"""Datasette's templates under a Content-Security-Policy that allows no inline script and no inline style.

Some of their inline scripts and styles name columns, so no list of hashes holds. Instead each gets, when its template
is compiled, the nonce of the response. What comes from the database is put in later, and cannot have one.
"""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path

from jinja2.ext import Extension

_TAG = re.compile(r"<(script|style)\b")
# Of decoration only: the colour of a border. Jinja's expressions hold quotes of their own.
_STYLE_ATTRIBUTE = re.compile(r'\sstyle="(?:\{\{.*?\}\}|\{%.*?%\}|[^"])*"')
_RESIZE = "cm-resize-1.0.1.min.js"


class Nonce(Extension):
    """Rewrites the text of templates: a nonce for each script and style element, and no style attribute."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Called by Jinja for each template before it is compiled."""
        return _TAG.sub(r'<\1 nonce="{{ csp_nonce }}"', _STYLE_ATTRIBUTE.sub("", source))


def hashes_of_made_styles(static: Path) -> list[str]:
    """CSP sources for the style element that a script in Datasette's `static` folder adds: its text is a constant.

    Without it (another version of the script) a handle to resize the SQL editor goes unstyled; nothing else.
    """
    try:
        found = re.search(r'\.textContent=("(?:[^"\\]|\\.)*")', (static / _RESIZE).read_text("utf-8"))
    except OSError:
        found = None
    if found is None:
        return []
    texts = ("", json.loads(found[1]))  # it is put there empty, and filled then
    return [f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts]
