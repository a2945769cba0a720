"""`edgecls run` killed at any moment, and started again: one row a file, and nothing left behind."""

import random
import subprocess
import sys
import time
from contextlib import closing

import pytest
from pictures import COLOURS, picture

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.smoke

FILES = 60


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_killed_five_times(edgecls, environment, tiny_model, tmp_path, after):
    inbox = tmp_path / "inbox"
    (inbox / "sub").mkdir(parents=True)
    (tmp_path / "edgecls.toml").write_text(
        f'model = "{tiny_model.path}"\n[source]\npath = "inbox"\nsettle_seconds = 0.01\nafter = "{after}"\n'
    )
    names = [f"{'sub/' * (n % 2)}{n}.png" for n in range(FILES)]
    bad = set(names[::10])
    chance = random.Random(after)
    for kill in range(5):
        for name in names[kill::5]:
            (inbox / name).write_bytes(b"text" if name in bad else picture(chance.choice(list(COLOURS))))
        _run_and_kill(environment, tmp_path, chance.uniform(0, 0.08))
    edgecls("run", "--config", "edgecls.toml", "--until-idle", "0.3")
    with closing(open_results(tmp_path / "results.db")) as db:
        rows = list(find_rows(db))
    assert sorted(row["key"].split("#")[0] for row in rows) == sorted(names)
    assert {row["key"].split("#")[0] for row in rows if row["error"]} == bad
    good = {name for name in names if name not in bad}
    left = {str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file()}
    assert (
        left
        == {
            "keep": set(names),
            "move": {f"done/{name}" for name in good} | {f"failed/{name}" for name in bad},
            "delete": {f"failed/{name}" for name in bad},
        }[after]
    )


def _run_and_kill(environment, folder, seconds):
    """Some moment after it has begun to classify."""
    command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            assert any("ready" in line for line in process.stderr)  # after a word about the unclean stop
            time.sleep(seconds)
        finally:
            process.kill()
    assert process.returncode == -9
