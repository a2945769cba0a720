"""Hyper-parameters of the head, searched on the cached features: a trial takes seconds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from edgecls.errors import MissingExtra
from edgecls.training.settings import OPTIMIZERS, Training

Objective = Callable[[Training], float]
"""The validation loss that a head reaches with these settings."""

BATCH_SIZES = (16, 32, 64)
RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (3e-4, 3e-2),
    "dropout": (0.0, 0.6),
    "label_smoothing": (0.0, 0.2),
    "weight_decay": (1e-5, 1e-1),
}
"""Least and greatest that is tried; wider where the settings given lie outside."""
_BY_FACTORS = ("learning_rate", "weight_decay")


def check_search() -> None:
    """Raise MissingExtra where the library that searches is not installed; nothing is imported."""
    try:
        found = find_spec("optuna")
    except (ModuleNotFoundError, ValueError):  # how an import hook, or None in the place of a module, says no
        found = None
    if not found:
        raise MissingExtra("optuna is not installed: pip install 'edgecls[convert,search]'")


def search(
    training: Training, trials: int, seed: int, objective: Objective, advance: Callable[[], None]
) -> tuple[Training, list[Mapping[str, Any]]]:
    """(the best of `trials` settings, all that were tried), by Optuna's tree-structured Parzen estimator.

    Each trial is {"validation_loss", and what was set}. The settings of `training` are tried first, so that the best
    are no worse. The same seed gives the same trials. Raises MissingExtra.
    """
    check_search()
    import optuna

    from edgecls.training.fitting import head

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    training = replace(
        training,
        optimizer=training.optimizer or head.OPTIMIZER,
        learning_rate=training.learning_rate or head.LEARNING_RATE,
        label_smoothing=training.label_smoothing or 0.0,
    )
    given = {name: getattr(training, name) for name in ("optimizer", "batch_size", *RANGES)}
    tried: list[Mapping[str, Any]] = []

    def attempt(trial: Any) -> float:
        chosen = {
            "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),
            "batch_size": trial.suggest_categorical("batch_size", sorted({*BATCH_SIZES, training.batch_size})),
            **{name: _suggest(trial, name, given[name]) for name in RANGES},
        }
        loss = objective(replace(training, **chosen))
        loss = loss if math.isfinite(loss) else math.inf  # training that diverged is a bad trial, not a failed one
        tried.append({"validation_loss": loss, **chosen})
        advance()
        return loss

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(given)
    study.optimize(attempt, n_trials=trials)
    return replace(training, **study.best_params), tried


def _suggest(trial: Any, name: str, given: float) -> float:
    low, high = RANGES[name]
    by_factors = name in _BY_FACTORS and given > 0  # no factor leads to zero
    return float(trial.suggest_float(name, min(low, given), max(high, given), log=by_factors))
