import pytest
from example_rows import begin
from pictures import encode, noise
from site_browser import HOSTILE, Browser

from edgecls.database.store import Store


@pytest.fixture
def photos(tmp_path):
    """A folder with three pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for place, name in enumerate(("a.jpg", "b.png", f"{HOSTILE}.jpg")):
        (folder / name).write_bytes(encode(noise(640, 480, place), name[-4:]))
    return folder


@pytest.fixture
def store(path):
    """A store with a run begun, as of `edgecls classify`: it names no folder."""
    with Store(path) as opened:
        begin(opened, config={})
        yield opened


@pytest.fixture
def browse(path):
    """A browser on a site of the database; the keywords are those of Site."""
    from edgecls.results.web.plugin import create_site

    return lambda **options: Browser(create_site(path, **options))
