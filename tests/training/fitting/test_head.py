import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.training.fitting.head import train_head
from edgecls.training.settings import HEAD_DEFAULTS, OPTIMIZERS, PhaseSettings

pytestmark = pytest.mark.slow


def clouds(count, seed):
    """Points around the corners of a triangle: features (count, 2) and classes (count,)."""
    chance = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    corners = np.array([[0, 2], [2, -2], [-2, -2]])
    return (corners[classes] + chance.normal(0, 0.3, (count, 2))).astype(np.float32), classes


def phase(**settings):
    return PhaseSettings(**{**HEAD_DEFAULTS, **settings})


def train(validation, **settings):
    epochs = []
    weights = np.ones(3, np.float32)
    head, history = train_head(clouds(30, 0), validation, weights, phase(**settings), 0, lambda: epochs.append(1))
    assert [epoch.number for epoch in history] == list(range(1, len(epochs) + 1))
    return head, len(epochs)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer):
    head, epochs = train(clouds(9, 1), optimizer=optimizer, epochs=12, learning_rate=0.2)
    features, classes = clouds(30, 2)
    probabilities = head(features).numpy()
    assert epochs == 12
    assert (probabilities.argmax(axis=1) == classes).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert float(head.optimizer.learning_rate) < 0.02  # the schedule has come to its end


def test_training_stops_early_with_the_best_weights():
    """Against a validation set with wrong classes every epoch is worse than the one before."""
    features, classes = clouds(9, 1)
    head, epochs = train((features, (classes + 1) % 3), epochs=50, patience=2, learning_rate=0.1)
    assert epochs == 3
    after_one_step = np.abs(head.get_layer("probabilities").get_weights()[1]).max()
    assert 0 < after_one_step < 0.1


def test_the_same_seed_gives_the_same_weights():
    heads = [train(clouds(9, 1), epochs=2)[0].get_weights() for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*heads, strict=True))


def test_rare_classes_weigh_more():
    """Of two classes at the same place, the weightier wins."""
    features, classes = np.zeros((40, 2), np.float32), np.arange(40) % 4 // 3
    scores = []
    for weights in ([1, 1], [1, 9]):
        head, _ = train_head(
            (features, classes), (features, classes), np.array(weights, np.float32), phase(learning_rate=0.3), 0
        )
        scores.append(np.asarray(head(features[:1]))[0, 1])
    assert scores == pytest.approx([1 / 4, 9 / 12], abs=0.05)
