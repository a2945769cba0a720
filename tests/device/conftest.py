"""What tests of the service share."""

import socket

import pytest
from serving_place import Place
from tiny_model import write


@pytest.fixture
def place(tmp_path, tiny_model):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        yield Place(tmp_path, tiny_model, manager)


@pytest.fixture
def german(tiny_model):
    """The bytes of the same model with other labels."""

    def german(folder):
        labels = ("rot", "gruen", "blau")
        return write(folder / "german.tmp", labels=labels, examples=tiny_model.golden, name="german", thresholds={})

    return german


@pytest.fixture
def broken(tiny_model):
    """Puts a model in place whose golden examples expect something else."""

    def broken(place):
        red, green, *others = tiny_model.golden
        swapped = [type(red)(red.image, green.outputs), green, *others]
        new = write(place.folder / "broken.tmp", examples=swapped, name="broken")
        new.path.rename(place.folder / "model.tflite")

    return broken
