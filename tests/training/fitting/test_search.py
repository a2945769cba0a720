"""Search for hyper-parameters, with objectives whose best settings are known, and once with a real head."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
pytest.importorskip("optuna", reason="optuna is in the extra `search`")

import edgecls
from edgecls.progress import Progress
from edgecls.training.fitting.search import RANGES, search
from edgecls.training.report import write_report
from edgecls.training.settings import HEAD_DEFAULTS, OPTIMIZERS, PhaseSettings, Training

pytestmark = pytest.mark.slow


def distance(training):
    """Least at a learning rate of 1e-3 and a dropout of 0.4, with sgd."""
    return abs(math.log10(training.learning_rate) + 3) + abs(training.dropout - 0.4) + (training.optimizer != "sgd")


def phase(**given):
    return PhaseSettings(**{**HEAD_DEFAULTS, **given})


def find(objective=distance, trials=20, seed=0, **given):
    return search(phase(**given), trials, seed, objective, lambda: None)


def test_the_same_seed_gives_the_same_trials():
    assert find() == find()
    assert find()[1] != find(seed=1)[1]


def test_it_finds_better_ones_and_keeps_what_is_not_searched():
    best, tried = find(trials=40, epochs=3, patience=5)
    losses = [trial["validation_loss"] for trial in tried]
    assert distance(best) == min(losses) < 0.5 * losses[0]
    assert (best.epochs, best.patience) == (3, 5)


@settings(max_examples=10)
@given(
    st.builds(
        PhaseSettings,
        epochs=st.integers(1, 100),
        optimizer=st.sampled_from(OPTIMIZERS),
        learning_rate=st.floats(1e-7, 10),
        batch_size=st.integers(1, 500),
        dropout=st.floats(0, 0.95),
        label_smoothing=st.floats(0, 0.9),
        weight_decay=st.floats(0, 1),
    )
)
def test_the_settings_given_are_tried_first_and_the_best_are_no_worse(training):
    """Those too that lie outside of what would be tried."""
    seen = []

    def objective(attempt):
        seen.append(attempt)
        return distance(attempt)

    best, tried = search(training, 3, 0, objective, lambda: None)
    assert seen[0] == training
    assert distance(best) == min(map(distance, seen)) <= distance(training)
    assert best in seen
    assert [trial["validation_loss"] for trial in tried] == [distance(attempt) for attempt in seen]


def test_a_trial_has_all_that_is_searched():
    _, tried = find(trials=1)
    assert set(tried[0]) == {"validation_loss", "optimizer", "batch_size", *RANGES}


def test_training_that_diverges_is_a_bad_trial():
    best, tried = find(lambda training: math.nan if training.optimizer == "adam" else distance(training))
    assert best.optimizer != "adam"
    assert tried[0]["validation_loss"] == math.inf
    assert find(lambda _: math.nan, trials=2)[0].optimizer == HEAD_DEFAULTS["optimizer"]


def test_progress_is_reported():
    advanced = []
    search(phase(), 4, 0, distance, lambda: advanced.append(1))
    assert len(advanced) == 4


@pytest.mark.usefixtures("tiny_backbone")
def test_a_conversion_with_a_search(colours, tmp_path):
    """Each trial trains a head as the conversion then does."""
    training = Training(fine_tune="none", epochs=5, search=3)
    progress = Progress()
    done = edgecls.convert(colours, tmp_path / "m.tflite", backbone="tiny", training=training, progress=progress)
    first = done.trials[0]
    assert len(done.trials) == 3
    assert (first["optimizer"], first["learning_rate"]) == (HEAD_DEFAULTS["optimizer"], HEAD_DEFAULTS["learning_rate"])
    assert "searching" in progress.seconds
    best = min(done.trials, key=lambda trial: trial["validation_loss"])
    assert best["validation_loss"] <= first["validation_loss"]
    assert {name: done.settings[name] for name in best if name != "validation_loss"} == {
        name: value for name, value in best.items() if name != "validation_loss"
    }
    page = write_report(tmp_path / "report", done).read_text("utf-8")
    assert all(f"{trial['validation_loss']:.6g}" in page for trial in done.trials)
    again = edgecls.convert(colours, tmp_path / "m.tflite", backbone="tiny", training=training)
    assert again.trials == done.trials
    assert again.model.sha256 == done.model.sha256
