import subprocess
import sys

import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.mark.slow
def test_a_results_database_opens_after_tensorflow():
    script = """
from edgecls.training.heavy import load_tensorflow
load_tensorflow()
import sqlite3
sqlite3.connect(":memory:").execute("CREATE VIRTUAL TABLE words USING fts5(text)")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
