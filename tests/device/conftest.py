"""Fixtures for tests of the device."""

import socket

import pytest
from recording import begin
from serving_place import Place
from tiny_model import write

from edgecls.database.store import Store


@pytest.fixture
def inbox(tmp_path):
    """Create a folder for images to arrive in."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def path(tmp_path):
    """Return the path of the results database."""
    return tmp_path / "results.db"


@pytest.fixture
def store(path, tiny_model):
    """Open the database with a run that has begun."""
    with Store(path) as opened:
        begin(opened, tiny_model)
        yield opened


@pytest.fixture
def place(tmp_path, tiny_model):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        yield Place(tmp_path, tiny_model, manager)


@pytest.fixture
def german(tiny_model):
    """Write the same model with other labels."""

    def german(folder):
        labels = ("rot", "gruen", "blau")
        return write(folder / "german.tmp", labels=labels, examples=tiny_model.golden, name="german", thresholds={})

    return german


@pytest.fixture
def broken(tiny_model):
    """Replace the model by one whose golden examples fail."""

    def broken(place):
        red, green, *others = tiny_model.golden
        swapped = [type(red)(red.image, green.outputs), green, *others]
        new = write(place.folder / "broken.tmp", examples=swapped, name="broken")
        new.path.rename(place.folder / "model.tflite")

    return broken
