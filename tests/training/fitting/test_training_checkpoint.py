"""Fine-tuning that was interrupted goes on from its checkpoint, and ends where it would have ended."""

import contextlib
import dataclasses
import io
import logging
import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_folders import image

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras
from keras import layers

import edgecls
from edgecls.errors import BadData, EdgeclsError, UsageError
from edgecls.files import write_atomically
from edgecls.progress import Progress
from edgecls.training.backbones import BACKBONES, Backbone
from edgecls.training.fitting.checkpoint import Checkpoint, TrainingState
from edgecls.training.fitting.plan import FineTuningPlan
from edgecls.training.settings import HEAD_DEFAULTS, Epoch, Training

pytestmark = pytest.mark.slow

BATCHES = 3
"""of an epoch: 21 training images, 7 a step"""
EPOCHS = 5
TRAINING = Training(
    fine_tune="all", epochs=EPOCHS, learning_rate=0.003, batch_size=7, dropout=0.3, augmentation="photo"
)


def build(size):
    """Two convolutions of much the same cost: a cut between them leaves the top something to train."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Conv2D(8, 3, strides=2, padding="same", kernel_initializer=_start(1), name="low")(inputs)
    x = layers.Conv2D(4, 1, kernel_initializer=_start(2), name="bottleneck")(layers.ReLU(name="relu")(x))
    x = layers.Conv2D(8, 3, padding="same", kernel_initializer=_start(3), name="high")(x)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="features")(x), name="two")


def _start(seed):
    return keras.initializers.GlorotUniform(seed=seed)


@pytest.fixture(scope="module", autouse=True)
def backbones():
    """`tiny`, and `two`, which has a top. Their heads are soon trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HEAD_DEFAULTS, "epochs", 4)
        for name, module in (("tiny", "tiny_backbone"), ("two", __name__)):
            row = Backbone(name, f"{module}:build", "keras", 24, 127.0, 128.0, "Apache-2.0")
            patch.setitem(BACKBONES, name, row)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Easy to learn: ten images each of three colours, seven to train on."""
    colours = ("blue", "green", "red")
    splits = [*["train"] * 7, "val", "test", "test"]
    root = tmp_path_factory.mktemp("data")
    for split in dict.fromkeys(splits):
        for colour in colours:
            (root / split / colour).mkdir(parents=True)
    for colour in colours:
        for number, split in enumerate(splits):
            (root / split / colour / f"{number:02}.png").write_bytes(image(colour, number))
    return root


class Interrupted(Progress):
    """Ctrl-C in the middle of an epoch of fine-tuning, after `epochs` whole ones."""

    def __init__(self, epochs):
        super().__init__()
        self.left = epochs * BATCHES + 2

    @contextlib.contextmanager
    def step(self, name, total=None):
        with super().step(name, total) as advance:
            yield advance if name != "fine-tuning" else self.count_down

    def count_down(self):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def convert(data, output, training=TRAINING, **options):
    """In float32, which shows the least difference."""
    options = {"backbone": "two", "quantization": "float32", "training": training, **options}
    return edgecls.convert(data, output, **options)


def interrupt(epochs, images, output, **options):
    with pytest.raises(KeyboardInterrupt):
        convert(images, output, progress=Interrupted(epochs), **options)
    assert list(output.parent.iterdir()) == [checkpoint_of(output)]


def checkpoint_of(output):
    return output.with_name("m.tflite.checkpoint")


@pytest.mark.parametrize(
    ("backbone", "fine_tune", "plan"),
    [("tiny", "all", "the whole network for 5 epochs"), ("two", "top", "the upper 54% of the network for 5 epochs")],
)
def test_it_ends_where_it_would_have_ended(images, tmp_path, caplog, backbone, fine_tune, plan):
    """Interrupted twice and gone on with, or restarted, or never interrupted: the same bytes."""
    settings = {"training": dataclasses.replace(TRAINING, fine_tune=fine_tune), "backbone": backbone}
    whole, resumed, restarted = (tmp_path / name / "m.tflite" for name in ("whole", "resumed", "restarted"))
    for output in (whole, resumed, restarted):
        output.parent.mkdir()
    expected = convert(images, whole, **settings)
    assert expected.plan.startswith(plan)
    assert sum(expected.dataset.counts()["train"].values()) == BATCHES * TRAINING.batch_size
    assert expected.evaluation.accuracy > 0.6  # chance is 0.33

    interrupt(1, images, resumed, **settings)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == f"interrupted; training state saved in {checkpoint_of(resumed)}, continue with --resume"
    shutil.copy(checkpoint_of(resumed), restarted.parent)
    interrupt(2, images, resumed, resume=True, **settings)
    done = convert(images, resumed, resume=True, **settings)
    assert done.history == expected.history
    assert resumed.read_bytes() == whole.read_bytes()
    convert(images, restarted, **settings)
    assert restarted.read_bytes() == whole.read_bytes()
    assert [list(output.parent.iterdir()) for output in (resumed, restarted)] == [
        [resumed],
        [restarted],
    ]  # no checkpoints


def test_what_was_rejected_can_be_made_all_the_same_without_training(images, tmp_path):
    """The gate is asked for more than can be. The seed is the largest that there is."""
    options = {"quantization": "float16", "seed": 2**32 - 1, "max_drop": -1}
    instead = convert(images, tmp_path / "m.tflite", **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.float32.tflite", "m.tflite.checkpoint"]
    progress = Interrupted(0)
    progress.left = 1  # not a step more is trained
    done = convert(images, tmp_path / "m.tflite", resume=True, force=True, progress=progress, **options)
    assert [epoch.number for epoch in done.history if epoch.phase == "fine-tuning"][-1] == EPOCHS
    assert done.history == instead.history
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.float32.tflite", "m.tflite"]


def test_where_no_checkpoint_can_be_kept_training_goes_on(images, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(Checkpoint, "save", lambda self, _: write_atomically(tmp_path / "none" / self.path.name, b""))
    done = convert(images, tmp_path / "m.tflite")
    assert [epoch.number for epoch in done.history if epoch.phase == "fine-tuning"][-1] == EPOCHS
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said.endswith("Training continues, but cannot be resumed from this epoch")


def test_before_the_first_epoch_is_over_there_is_nothing_to_keep(images, tmp_path, caplog):
    with pytest.raises(KeyboardInterrupt):
        convert(images, tmp_path / "m.tflite", progress=Interrupted(0))
    assert not list(tmp_path.iterdir())
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture(scope="module")
def left(images, tmp_path_factory):
    """The bytes of a checkpoint that an interrupt left."""
    output = tmp_path_factory.mktemp("left") / "m.tflite"
    interrupt(1, images, output)
    return checkpoint_of(output).read_bytes()


@pytest.fixture
def refuse(tmp_path):
    """What is wrong with the checkpoint is reported before anything is trained, and the file is left as it is."""

    def refuse(error, said, images, content, **options):
        output, progress = tmp_path / "m.tflite", Progress()
        if content is not None:
            checkpoint_of(output).write_bytes(content)
        with pytest.raises(error, match=rf"m\.tflite\.checkpoint {said}"):
            convert(images, output, resume=True, progress=progress, **options)
        assert "loading backbone" not in progress.seconds
        assert content is None or checkpoint_of(output).read_bytes() == content

    return refuse


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"training": dataclasses.replace(TRAINING, learning_rate=0.001)}, "--learning-rate was 0.003, is 0.001"),
        ({"training": dataclasses.replace(TRAINING, fine_tune="top")}, "--fine-tune was all, is top"),
        ({"training": dataclasses.replace(TRAINING, augmentation="auto")}, "--augment was photo, is auto"),
        ({"training": dataclasses.replace(TRAINING, time_budget=9)}, "--time-budget was not given, is 9"),
        (
            {"training": dataclasses.replace(TRAINING, epochs=2, batch_size=4)},
            "--batch-size was 7, is 4; --epochs was 5, is 2",
        ),
        ({"backbone": "tiny"}, "--backbone was two, is tiny"),
        ({"seed": 1}, "--seed was 0, is 1"),
    ],
)
def test_other_settings(images, left, refuse, other, said):
    general = "belongs to a training with other images, settings or versions"
    refuse(UsageError, rf"{general} \({said}\): use the same ones", images, left, **other)


def test_other_images(colours, left, refuse):
    (colours / "red" / "03.png").write_bytes(image("red", seed=99))
    refuse(UsageError, r"belongs to a training.* \(the images or their splits differ\)", colours, left)


def test_other_versions(images, left, refuse, monkeypatch):
    before = keras.__version__
    monkeypatch.setattr(keras, "__version__", "99")
    refuse(UsageError, rf"belongs to a training.* \(keras was {before}, is 99\)", images, left)


def test_nothing_to_go_on_from(images, refuse):
    refuse(UsageError, "to resume from: omit --resume", images, None)


def test_a_truncated_one(images, left, refuse):
    refuse(BadData, "is damaged: delete it, and omit --resume", images, left[:-100])


STATE = TrainingState(
    FineTuningPlan("low", 9, 4, 0.5, 12.5),
    2,
    (Epoch("head", 1, 0.7, 0.6, 0.5), Epoch("fine-tuning", 1, 0.5, 0.4, 1.0)),
    Epoch("fine-tuning", 1, 0.5, 0.4, 1.0),
    [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros(0, np.float32)],
    np.full((4, 3), 1 / 3, np.float32),
    [np.array(17, np.int64), np.array([3, 4], np.uint32), *(np.full(n, n, np.float32) for n in range(12))],
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A checkpoint of a few arrays."""
    checkpoint = Checkpoint(tmp_path_factory.mktemp("kept") / "m.checkpoint", "this training")
    checkpoint.save(STATE)
    return checkpoint


def test_what_was_kept_is_loaded(kept):
    found = kept.load()
    for name in ("plan", "epochs_done", "history", "best_epoch"):
        assert getattr(found, name) == getattr(STATE, name)
    for name in ("weights", "variables"):
        pairs = list(zip(getattr(found, name), getattr(STATE, name), strict=True))
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)
    assert np.array_equal(found.probabilities, STATE.probabilities)


def test_an_epoch_that_has_no_loss_yet(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", "x")
    checkpoint.save(dataclasses.replace(STATE, best_epoch=Epoch("fine-tuning", 0, float("nan"), 0.4, 1.0)))
    assert np.isnan(checkpoint.load().best_epoch.loss)


@given(st.data())
def test_any_changed_byte_is_noticed(kept, tmp_path_factory, data):
    content = bytearray(kept.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    assert_damaged(tmp_path_factory, bytes(content), kept.path.read_bytes())


@given(st.one_of(st.binary(max_size=200), st.integers(0, 8000)))
def test_what_is_no_checkpoint(kept, tmp_path_factory, content):
    """Random bytes, or the beginning of a good one."""
    whole = kept.path.read_bytes()
    assert_damaged(
        tmp_path_factory, whole[: min(content, len(whole) - 1)] if isinstance(content, int) else content, whole
    )


def assert_damaged(tmp_path_factory, content, whole):
    if content == whole:  # two changes may undo each other
        return
    path = tmp_path_factory.getbasetemp() / "damaged.checkpoint"
    path.write_bytes(content)
    with pytest.raises(BadData, match=r"damaged\.checkpoint is damaged: delete it"):
        Checkpoint(path, "this training").load()


def test_a_file_of_something_else(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("about.npy", "no array")
    (tmp_path / "c").write_bytes(buffer.getvalue())
    with pytest.raises(BadData, match="is damaged"):
        Checkpoint(tmp_path / "c", "x").load()
    (tmp_path / "folder").mkdir()
    with pytest.raises(EdgeclsError, match=r"cannot read .*folder: it is a folder"):
        Checkpoint(tmp_path / "folder", "x").load()
