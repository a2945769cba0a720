"""What docs/explanation/performance.md says of the bounds and of the settings is so."""

import re
from pathlib import Path

import pytest
from paths import ROOT

from edgecls.device import classifier_pool as ahead
from edgecls.device import pipeline as daemon
from edgecls.device.configuration.config import parse_config
from edgecls.inference import side_by_side

PAGE = (ROOT / "docs" / "explanation" / "performance.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())


@pytest.mark.parametrize(
    "words",
    [
        f"{1 + ahead.QUEUED} frames at most are under way, one in work and {ahead.QUEUED} that wait",
        f"no more than {ahead.MOST_BYTES >> 20} MB of images",
        f"when it has {daemon.GROUP_ROWS} rows, when its oldest is {daemon._GROUP_SECONDS} s old",
        f"when its images take {daemon._GROUP_BYTES >> 20} MB",
        f"at most {side_by_side.MOST_INTERPRETERS} interpreters",
        f"at most {side_by_side.MOST_THREADS} threads",
    ],
)
def test_the_bounds_are_those_of_the_code(words):
    assert words in TEXT


def test_the_settings_are_read():
    settings = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    config = parse_config(f'{settings}[source]\npath = "inbox"\n'.encode(), Path("edgecls.toml"))
    assert side_by_side.plan(config.interpreters, config.threads) == (2, 1)
