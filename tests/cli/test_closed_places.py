"""What is there but closed to the user: it is not called missing, and the message names the user and the place."""

import re
import shutil

import pytest
from pictures import picture

IO = 74


@pytest.fixture
def site(temporary_folder, tiny_model):
    """A folder with all that a daemon needs, below one that can be closed."""
    top = temporary_folder / "site"
    inner = top / "closed" / "inner"
    (inner / "inbox").mkdir(parents=True)
    (inner / "inbox" / "red.png").write_bytes(picture("red"))
    shutil.copy(tiny_model.path, inner / "model.tflite")
    shutil.copy(tiny_model.path, top / "model.tflite")
    (top / "inbox").mkdir()
    yield top
    for path in (top / "closed", top / "inbox", inner / "inbox"):
        path.chmod(0o755)
    shutil.rmtree(top)


def configure(site, model="model.tflite", database="results.db", source='path = "inbox"'):
    path = site / "edgecls.toml"
    path.write_text(f'model = "{model}"\ndatabase = "{database}"\n[source]\n{source}\n')
    return str(path)


@pytest.mark.parametrize("check", [(), ("--check",)])
@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"source": 'path = "closed/inner/inbox"'}, "cannot (read the folder|look into) {}/inner/inbox"),
        ({"source": 'type = "video"\npath = "closed/inner/v.mp4"'}, "cannot read {}/inner/v.mp4"),
        ({"model": "closed/inner/model.tflite"}, "cannot read the model {}/inner/model.tflite"),
        (
            {"database": "closed/inner/results.db"},
            r"cannot (make|use|write|create) {}/inner/(results\.db|\.results\.db\.lock)",
        ),
    ],
)
def test_below_a_closed_folder(edgecls, unprivileged, site, check, settings, what):
    config = configure(site, **settings)
    (site / "closed").chmod(0)
    done = edgecls("run", "--config", config, *check, code=78 if check else IO, prefix=unprivileged)
    closed = re.escape(str(site / "closed"))
    assert re.search(
        rf"error: {what.format(closed)}: permission denied: user \w+ may not enter {closed} \(owner \w+, mode 0000\): "
        r"check owner and mode, or run as another user\n",
        done.stderr,
    ), done.stderr


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400])
def test_the_folder_itself(edgecls, unprivileged, site, mode):
    config = configure(site)
    (site / "inbox").chmod(mode)
    done = edgecls("run", "--config", config, code=IO, prefix=unprivileged)
    assert re.search(rf"{site}/inbox: permission denied: user \w+ may not (use|enter) {site}/inbox \(", done.stderr)


def test_a_folder_that_is_missing_is_called_missing(edgecls, unprivileged, site):
    config = configure(site, source='path = "nothing"')
    done = edgecls("run", "--config", config, code=66, prefix=unprivileged)
    assert f"no folder at {site}/nothing: create it" in done.stderr
