"""Folders that tests read from."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The source tree."""

SHARED_DATA = ROOT.parent / "shared" / "data"
"""Real photographs and clips that lie beside the source tree on some machines."""

SUPPORT = Path(__file__).parent
"""The modules that tests share; on PYTHONPATH of child processes that import them."""
