"""MobileNet v1, v2 and v3 from `keras.applications`, with their ImageNet weights.

Howard et al. 2017 (v1), Sandler et al. 2018 (v2), Howard et al. 2019 (v3). All three take (pixel - 127.5) / 127.5, which
`keras.applications` includes in v3 by default, and leaves to the caller for v1 and v2.
"""

import contextlib
import io
import logging
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import keras

from edgecls.errors import BadData, MissingWeights
from edgecls.training.backbones import find_backbone
from edgecls.training.backbones.keras_cache import find_weights, weights_folder
from edgecls.training.backbones.table import BACKBONES

log = logging.getLogger(__name__)

_APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    "v1": keras.applications.MobileNet,
    "v2": keras.applications.MobileNetV2,
    "v3-small": partial(keras.applications.MobileNetV3Small, include_preprocessing=False),
    "v3-large": partial(keras.applications.MobileNetV3Large, include_preprocessing=False),
}
_TIMEOUT = 30  # seconds; a firewall that drops packets would block for ever


def build_mobilenet(input_size: int, name: str, version: str, width: float, *, weights: bool = True) -> keras.Model:
    """Build the network: normalised pixels (batch, input_size, input_size, 3) -> features (batch, n).

    `name` is that of the row in the table, `version` one of v1, v2, v3-small and v3-large, `width` the multiplier of
    the number of channels. Raises MissingWeights and BadData as in `Backbone.load`.
    """
    application = partial(_APPLICATIONS[version], alpha=width, include_top=False)
    pixels = keras.Input((input_size, input_size, 3), name="pixels")
    network = application(input_shape=pixels.shape[1:], input_tensor=pixels, weights=None)
    _number_operations(network)
    if weights:
        _load_weights(network, application, name, input_size)
    features = keras.layers.GlobalAveragePooling2D(name="features")(network.output)
    return keras.Model(pixels, features, name=name)


def _number_operations(network: keras.Model) -> None:
    """Rename the operations that Keras names by a count over the whole process.

    The names are part of the converted model, and the same network should always give the same bytes.
    """
    numbers: dict[str, Iterator[int]] = {}
    for operation in network.operations:
        kind = re.sub(r"_\d+$", "", operation.name)
        if kind.replace("_", "") == type(operation).__name__.lower():
            operation.name = f"mobilenet_{kind}_{next(numbers.setdefault(kind, count()))}"


def _load_weights(network: keras.Model, application: Callable[..., keras.Model], name: str, input_size: int) -> None:
    """Load weights trained at this size, or else at 224 pixels, from Keras's cache; Keras downloads them the first time."""
    backbone = find_backbone(name)
    file = backbone.weights_for(input_size)
    if path := find_weights(file):
        _read(network, path, name)
        return
    size = input_size if input_size in backbone.top1_by_size else 224
    try:
        network.set_weights(_downloaded(application, size).get_weights())
    except MissingWeights as error:
        other = find_weights(backbone.weights_for(224))
        if not other:
            raise MissingWeights(_remedy(name, file, str(error))) from error.__cause__
        log.warning("%s cannot be downloaded (%s): using the weights trained at 224 pixels instead", file, error)
        _read(network, other, name)


def _read(network: keras.Model, path: Path, name: str) -> None:
    try:
        network.load_weights(path)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadData(f"{path} cannot be read as weights of {name} ({reason}): delete or replace it") from error


def _downloaded(application: Callable[..., keras.Model], size: int) -> keras.Model:
    """Return the network with weights that Keras downloads. Raises MissingWeights, whose message is only the reason."""
    try:
        with _socket_timeout(), contextlib.redirect_stdout(io.StringIO()):  # Keras prints its progress
            return application(input_shape=(size, size, 3), weights="imagenet")
    except Exception as error:
        # Keras raises "URL fetch failure on ADDRESS: CODE -- REASON", where REASON may begin with "[Errno -2] ".
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error).rpartition(" -- ")[2].strip())
        raise MissingWeights(reason or type(error).__name__) from error


@contextlib.contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _remedy(name: str, file: str, reason: str) -> str:
    offline = ", ".join(backbone.name for backbone in BACKBONES.values() if backbone.offline or backbone.cached)
    return (
        f"the weights of {name} are not on this machine and cannot be downloaded ({reason}): "
        f"use a backbone that works offline ({offline}), or put {file} into {weights_folder()}"
    )
