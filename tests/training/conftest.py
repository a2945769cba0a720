import cv2
import pytest
from image_folders import write_folder

from edgecls.training.backbones import BACKBONES, Backbone


@pytest.fixture
def colours(tmp_path):
    """Write a data set that is easy to learn: ten images each of three colours."""
    return write_folder(tmp_path / "colours", dict.fromkeys(("blue", "green", "red"), 10))


@pytest.fixture
def tiny_backbone(monkeypatch):
    """Register a backbone of one convolution as `tiny`: a conversion takes two seconds."""
    tiny = Backbone(
        name="tiny",
        build="tiny_backbone:build",
        package="keras",
        input_size=24,
        mean=127.0,
        std=128.0,
        licence="Apache-2.0",
    )
    monkeypatch.setitem(BACKBONES, tiny.name, tiny)
    return tiny


@pytest.fixture(scope="session")
def cell_images():
    """Return real photographs of solar cells, BGR, 300 x 300."""
    elpv_dataset = pytest.importorskip("elpv_dataset", reason="the package elpv-dataset is not installed")
    folder = elpv_dataset.__path__[0]
    return [cv2.imread(f"{folder}/data/images/cell{number:04}.png") for number in range(1, 25)]
