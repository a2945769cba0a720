import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from edgecls.convert.settings import OPTIMIZERS, Training
from edgecls.convert.training.head import train_head


def clouds(count, seed):
    """Points around the corners of a triangle: features (count, 2) and classes (count,)."""
    chance = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    corners = np.array([[0, 2], [2, -2], [-2, -2]])
    return (corners[classes] + chance.normal(0, 0.3, (count, 2))).astype(np.float32), classes


def train(validation, **settings):
    epochs = []
    head = train_head(clouds(30, 0), validation, 3, Training(**settings), 0, lambda: epochs.append(1))
    return head, len(epochs)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_at_the_rate_it_was_given(optimizer):
    head, epochs = train(clouds(9, 1), optimizer=optimizer, epochs=12, learning_rate=0.2)
    features, classes = clouds(30, 2)
    probabilities = head(features).numpy()
    assert epochs == 12
    assert (probabilities.argmax(axis=1) == classes).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert float(head.optimizer.learning_rate) == pytest.approx(0.2)


def test_training_stops_early_with_the_best_weights():
    """Against a validation set with wrong classes every epoch is worse than the one before."""
    features, classes = clouds(9, 1)
    head, epochs = train((features, (classes + 1) % 3), epochs=50, patience=2, learning_rate=0.1)
    first, _ = train((features, (classes + 1) % 3), epochs=1, learning_rate=0.1)
    assert epochs == 3
    assert all(np.array_equal(a, b) for a, b in zip(head.get_weights(), first.get_weights(), strict=True))


def test_the_same_seed_gives_the_same_weights():
    heads = [train(clouds(9, 1), epochs=2)[0].get_weights() for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*heads, strict=True))
