import re
import subprocess
import sys

from paths import ROOT

from edgecls.training.backbones import BACKBONES

PAGE = (ROOT / "docs" / "reference" / "backbones.md").read_text("utf-8")


def test_the_table_of_the_page_is_that_of_the_code():
    script = ROOT / "tools" / "backbones_table.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert printed in PAGE
    assert len(printed.splitlines()) == 2 + len(BACKBONES)


def test_the_page_names_no_backbone_that_is_not_there():
    named = set(re.findall(r"--backbone (\S+)", PAGE)) | set(
        re.findall(r"`((?:mobilenet|efficientnet)-[a-z0-9.-]+)`", PAGE)
    )
    assert named <= set(BACKBONES)
