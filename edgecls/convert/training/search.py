"""Hyper-parameters of the head, searched on the cached features: a trial takes seconds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edgecls.convert.settings import OPTIMIZERS, Training
from edgecls.errors import MissingExtra

Objective = Callable[[Training], float]
"""The validation loss that a head reaches with these settings."""


def search(
    training: Training, trials: int, seed: int, objective: Objective, advance: Callable[[], None]
) -> tuple[Training, list[Mapping[str, Any]]]:
    """(the best of `trials` settings, all that were tried), by Optuna's tree-structured Parzen estimator.

    Each trial is {"validation_loss", and what was set}. The settings given are tried first, so that the best are no
    worse. The same seed gives the same trials. Raises MissingExtra.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingExtra("optuna is not installed: pip install 'edgecls[convert,search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tried: list[Mapping[str, Any]] = []

    def attempt(trial: Any) -> float:
        chosen = {
            "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
            "batch_size": trial.suggest_categorical("batch_size", (16, 32, 64)),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.2),
            "weight_decay": trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True),
        }
        loss = objective(replace(training, **chosen))
        tried.append({"validation_loss": loss, **chosen})
        advance()
        return loss

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(
        {"optimizer": "adam", "learning_rate": 3e-3, "batch_size": 32, "dropout": 0.2, "label_smoothing": 0.0}
    )
    study.optimize(attempt, n_trials=trials)
    return replace(training, **study.best_params), tried
