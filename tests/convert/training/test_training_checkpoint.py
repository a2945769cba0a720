"""Fine-tuning that was interrupted goes on from its checkpoint, and ends where it would have ended."""

import contextlib
import dataclasses
import io
import logging
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
from edgecls.convert.backbones import BACKBONES, Backbone
from edgecls.convert.settings import Epoch, Training
from edgecls.convert.training.checkpoint import Checkpoint, State
from edgecls.convert.training.plan import Plan
from edgecls.errors import BadData, EdgeclsError, UsageError
from edgecls.progress import Steps

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
    x = layers.Conv2D(16, 3, padding="same", kernel_initializer=_start(3), name="high")(x)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="features")(x), name="two")


def _start(seed):
    return keras.initializers.GlorotUniform(seed=seed)


@pytest.fixture(autouse=True)
def backbone(monkeypatch, tiny_backbone):
    """`two`, beside `tiny`."""
    two = Backbone("two", f"{__name__}:build", "keras", 24, 127.0, 128.0, "Apache-2.0")
    monkeypatch.setitem(BACKBONES, "two", two)
    return tiny_backbone


class Interrupted(Steps):
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
    return edgecls.convert(data, output, **{"backbone": "two", "training": training, **options})


@pytest.fixture
def interrupted(colours, tmp_path):
    """Interrupt a conversion after so many epochs; return the checkpoint it left, which is all that it left."""

    def interrupted(training=TRAINING, epochs=2, **options):
        folder = tmp_path / "interrupted"
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt):
            convert(colours, folder / "m.tflite", training, steps=Interrupted(epochs), **options)
        (checkpoint,) = folder.iterdir()
        assert checkpoint.name == "m.tflite.checkpoint"
        return checkpoint

    return interrupted


@pytest.fixture
def uninterrupted(colours, tmp_path):
    def uninterrupted(training=TRAINING, **options):
        folder = tmp_path / "uninterrupted"
        folder.mkdir()
        return convert(colours, folder / "m.tflite", training, **options)

    return uninterrupted


@pytest.mark.parametrize(
    ("backbone", "fine_tune", "optimizer", "plan"),
    [
        ("tiny", "all", None, "the whole network for 5 epochs"),
        ("tiny", "top", "sgd", "the whole network for 5 epochs"),  # it has no top
        ("two", "all", "rmsprop", "the whole network for 5 epochs"),
        ("two", "top", None, "the upper 52% of the network for 5 epochs"),
    ],
)
def test_it_ends_where_it_would_have_ended(colours, interrupted, uninterrupted, backbone, fine_tune, optimizer, plan):
    training = dataclasses.replace(TRAINING, fine_tune=fine_tune, optimizer=optimizer)
    checkpoint = interrupted(training, backbone=backbone)
    output = checkpoint.with_name("m.tflite")
    resumed = convert(colours, output, training, backbone=backbone, resume=True)
    whole = uninterrupted(training, backbone=backbone)
    assert whole.plan.startswith(plan)
    assert sum(whole.dataset.counts()["train"].values()) == BATCHES * training.batch_size
    assert resumed.history == whole.history
    assert output.read_bytes() == whole.model.path.read_bytes()
    assert list(output.parent.iterdir()) == [output]  # the checkpoint has been removed


def test_interrupted_twice(colours, interrupted, uninterrupted):
    checkpoint = interrupted(epochs=1)
    output = checkpoint.with_name("m.tflite")
    with pytest.raises(KeyboardInterrupt):
        convert(colours, output, resume=True, steps=Interrupted(2))
    convert(colours, output, resume=True)
    assert output.read_bytes() == uninterrupted().model.path.read_bytes()


def test_it_says_how_to_go_on(interrupted, caplog):
    checkpoint = interrupted()
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == f"what was trained is kept in {checkpoint}: go on from there with --resume"


def test_without_resume_it_begins_anew(colours, interrupted, uninterrupted):
    checkpoint = interrupted()
    done = convert(colours, checkpoint.with_name("m.tflite"))
    assert done.model.sha256 == uninterrupted().model.sha256
    assert not checkpoint.exists()


def test_what_fails_after_training_can_be_done_again_without_training(colours, tmp_path):
    """The gate is asked for more than can be, and then for less."""
    with pytest.raises(BadData, match="loses too much"):
        convert(colours, tmp_path / "m.tflite", max_drop=-1)
    steps = Interrupted(0)
    steps.left = 1  # not a step more is trained
    done = convert(colours, tmp_path / "m.tflite", resume=True, steps=steps)
    assert [epoch.number for epoch in done.history if epoch.phase == "fine-tuning"][-1] == EPOCHS


@pytest.mark.parametrize(
    "other",
    [
        {"training": dataclasses.replace(TRAINING, learning_rate=0.001)},
        {"training": dataclasses.replace(TRAINING, fine_tune="top")},
        {"training": Training(fine_tune="none")},
        {"backbone": "tiny"},
        {"seed": 1},
    ],
)
def test_other_settings(colours, interrupted, other):
    checkpoint = interrupted()
    before = checkpoint.read_bytes()
    with pytest.raises(
        UsageError, match=r"m\.tflite\.checkpoint is of other images, settings or versions: give the same"
    ):
        convert(colours, checkpoint.with_name("m.tflite"), resume=True, **other)
    assert checkpoint.read_bytes() == before


def test_other_images(colours, interrupted):
    checkpoint = interrupted()
    (colours / "red" / "03.png").write_bytes(image("red", seed=99))
    with pytest.raises(UsageError, match="is of other images"):
        convert(colours, checkpoint.with_name("m.tflite"), resume=True)


def test_nothing_to_go_on_from(colours, tmp_path):
    steps = Steps()
    with pytest.raises(UsageError, match=r"there is no .*m\.tflite\.checkpoint to go on from: run without --resume"):
        convert(colours, tmp_path / "m.tflite", resume=True, steps=steps)
    assert "loading backbone" not in steps.seconds  # told before anything is trained


def test_a_damaged_checkpoint_is_told_before_anything_is_trained(colours, interrupted):
    checkpoint, steps = interrupted(), Steps()
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    with pytest.raises(BadData, match=r"m\.tflite\.checkpoint is damaged: remove it, and run without --resume"):
        convert(colours, checkpoint.with_name("m.tflite"), resume=True, steps=steps)
    assert "loading backbone" not in steps.seconds


STATE = State(
    Plan("low", 9, 0.5, 12.5),
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


def test_what_was_kept_is_read_back(kept):
    found = kept.load()
    for name in ("plan", "done", "history", "best"):
        assert getattr(found, name) == getattr(STATE, name)
    for name in ("weights", "variables"):
        pairs = list(zip(getattr(found, name), getattr(STATE, name), strict=True))
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)
    assert np.array_equal(found.probabilities, STATE.probabilities)


def test_an_epoch_that_has_no_loss_yet(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", "x")
    checkpoint.save(dataclasses.replace(STATE, best=Epoch("fine-tuning", 0, float("nan"), 0.4, 1.0)))
    assert np.isnan(checkpoint.load().best.loss)


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
    with pytest.raises(BadData, match=r"damaged\.checkpoint is damaged: remove it"):
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


@pytest.mark.parametrize("backbone", ["tiny", "two"])
@pytest.mark.parametrize("augmentation", ["auto", "photo", "inspection"])
def test_the_same_seed_gives_the_same_bytes_with_views(colours, tmp_path, backbone, augmentation):
    training = dataclasses.replace(TRAINING, fine_tune="top", epochs=2, augmentation=augmentation)
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(convert(colours, tmp_path / name / "m.tflite", training, backbone=backbone).model.path)
    assert files[0].read_bytes() == files[1].read_bytes()
