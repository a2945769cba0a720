"""Weights from Keras's cache, or not. Keras reads KERAS_HOME when it is imported: each case is a process of its own."""

import json
import os
import subprocess
import sys

import keras_networks
import pytest
from image_folders import DATA

pytest.importorskip("tensorflow", reason="needs the extra `convert`")

from edgecls.images.preprocess import load_pixels
from edgecls.training.backbones import find_backbone

pytestmark = pytest.mark.slow

FILE = "mobilenet_2_5_224_tf_no_top.h5"
REAL = DATA / "keras" / "models" / FILE
BEGIN = """
import json, logging, sys
from pathlib import Path
import numpy as np
from edgecls.training.heavy import load_tensorflow
load_tensorflow()
import keras
from edgecls.training.backbones import BACKBONES, find_backbone
from edgecls.errors import EdgeclsError
logging.basicConfig(format="%(message)s")
def load(name, size=None):
    try:
        return find_backbone(name, size).load()
    except EdgeclsError as error:
        sys.exit(f"{type(error).__name__} {error.exit_code}: {error}")
"""


@pytest.fixture
def home(tmp_path):
    """A KERAS_HOME of our own: Keras writes its settings there."""
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras"


@pytest.fixture
def real(home):
    """The same with the real weights of MobileNet v1 0.25 in it."""
    if not REAL.exists():
        pytest.skip("no weights beside the repository")
    (home / "models" / FILE).symlink_to(REAL)
    return home


@pytest.fixture
def python(home):
    """Run lines behind `BEGIN`, with a proxy that refuses in place of a network."""

    def python(script, code=0):
        environment = {
            **os.environ, "KERAS_HOME": str(home), "PYTHONWARNINGS": "error",
            "https_proxy": "http://127.0.0.1:9",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done

    return python


def test_real_weights_give_the_features_that_keras_gives(python, real):
    """On photographs, each of which stands out in some feature: random weights would see no such difference."""
    photographs = sorted(map(str, (DATA / "imagenet50").glob("*.JPEG")))[:12]
    script = f"""
from edgecls.training.quantization.quantize import normalize
from edgecls.images.preprocess import load_pixels
backbone, network = find_backbone("mobilenet-v1-0.25"), load("mobilenet-v1-0.25")
pixels = np.stack([load_pixels(Path(path).read_bytes(), backbone.preprocessing) for path in {photographs!r}])
theirs = keras.applications.MobileNet(
    (224, 224, 3), alpha=0.25, include_top=False, pooling="avg", weights={str(real / "models" / FILE)!r}
)
expected = theirs(keras.applications.mobilenet.preprocess_input(pixels.astype("float32")), training=False).numpy()
found = network(normalize(pixels, backbone.mean, backbone.std), training=False).numpy()
print(json.dumps({{"off": float(np.abs(found - expected).max()), "shape": found.shape, "names": network.layers[1].name,
                   "least": float(found.min()), "spread": float(found.std(axis=0).mean()), "cached": backbone.cached}}))
"""
    done = python(script)
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["shape"] == [12, 256]
    assert found["off"] < 1e-4
    assert found["least"] == 0  # out of a ReLU6
    assert found["spread"] > 0.1
    assert found["cached"]


def test_int8_keeps_the_features_of_real_weights():
    if not REAL.exists():
        pytest.skip("no weights beside the repository")
    backbone = find_backbone("mobilenet-v1-0.25")
    network = backbone.load(weights=False)
    network.load_weights(REAL)
    photographs = sorted((DATA / "imagenet50").glob("*.JPEG"))[:16]
    images = [load_pixels(path.read_bytes(), backbone.preprocessing) for path in photographs]
    assert keras_networks.int8_likeness(network, backbone, images) > 0.98


@pytest.mark.usefixtures("real")
def test_weights_of_224_pixels_serve_for_a_size_that_has_none_of_its_own(python):
    done = python('print(load("mobilenet-v1-0.25", 256).input_shape)')
    assert (done.stdout, done.stderr) == ("(None, 256, 256, 3)\n", "")


@pytest.mark.usefixtures("real")
def test_weights_of_224_pixels_serve_where_those_of_the_size_cannot_be_downloaded(python):
    done = python('print(load("mobilenet-v1-0.25", 128).input_shape)')
    assert done.stdout == "(None, 128, 128, 3)\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("mobilenet_2_5_128_tf_no_top.h5 cannot be downloaded (")
    assert line.endswith("): using the weights trained at 224 pixels instead")


def test_without_a_network_one_line_names_what_works(python, real):
    done = python('load("mobilenet-v2-0.35")', code=1)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "MissingWeights 69: the weights of mobilenet-v2-0.35 are not on this machine and cannot be downloaded ("
    )
    assert (
        "works offline (efficientnet-lite0, efficientnet-lite1, efficientnet-lite2, mobilenet-v1-0.25, cnn), or put mobilenet_v2_weights_tf_dim_"
        in line
    )
    assert line.endswith(f"_0.35_224_no_top.h5 into {real / 'models'}")


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_a_damaged_file_is_one_line(python, home, content):
    (home / "models" / FILE).write_bytes(content)
    done = python('load("mobilenet-v1-0.25")', code=1)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"BadData 65: {home / 'models' / FILE} cannot be read as weights of mobilenet-v1-0.25 (")
    assert line.endswith("): delete or replace it")


def test_the_weights_of_another_width_are_refused(python, real):
    (real / "models" / "mobilenet_5_0_224_tf_no_top.h5").symlink_to(REAL)
    done = python('load("mobilenet-v1-0.5")', code=1)
    (line,) = done.stderr.splitlines()
    assert "mobilenet_5_0_224_tf_no_top.h5 cannot be read as weights of mobilenet-v1-0.5 (" in line


def test_every_version_reads_the_file_that_keras_caches(python, home):
    """Weights at random under the names that Keras uses: those of v2 and v3 are not at hand."""
    script = f"""
import h5py, warnings
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # Keras's saving, with numpy 2
names = {{
    "mobilenet-v2-0.35": (keras.applications.MobileNetV2, 0.35, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"),
    "mobilenet-v3-small-0.75": (keras.applications.MobileNetV3Small, 0.75, "weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5"),
}}
for name, (application, alpha, file) in names.items():
    saved = application((96, 96, 3), alpha=alpha, include_top=False, weights=None)
    with h5py.File(Path({str(home)!r}) / "models" / file, "w") as f:
        save_weights_to_hdf5_group(f, saved)
    found = load(name, 96).get_weights()
    assert len(found) == len(saved.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(found, saved.get_weights()))
"""
    done = python(script)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_names_of_the_files_are_those_that_keras_asks_for(python):
    """Every row of the table, at the smallest and the largest size that has weights of its own."""
    script = """
from keras.src.utils import file_utils
asked = []
def get_file(name, *_, **__):
    asked.append(name)
    raise Exception("URL fetch failure on somewhere: None -- no network")
file_utils.get_file = get_file
for backbone in BACKBONES.values():
    sizes = backbone.top1_by_size
    for size in {min(sizes), max(sizes)} if backbone.weights_file else ():
        try:
            backbone.at(size).load()
        except EdgeclsError as error:
            assert "cannot be downloaded (no network): use" in str(error), error
        assert asked == [backbone.weights_for(size)], (asked, backbone.weights_for(size))
        asked.clear()
"""
    done = python(script)
    assert (done.stdout, done.stderr) == ("", "")
