"""Search for hyper-parameters of the head, on cached features: a trial takes seconds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from edgecls.errors import MissingExtra
from edgecls.training.settings import OPTIMIZERS, PhaseSettings

Objective = Callable[[PhaseSettings], float]
"""Returns the validation loss that a head reaches with these settings."""

BATCH_SIZES = (16, 32, 64)
RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (3e-4, 3e-2),
    "dropout": (0.0, 0.6),
    "label_smoothing": (0.0, 0.2),
    "weight_decay": (1e-5, 1e-1),
}
"""The range of each hyper-parameter; it is extended to a given value that lies outside."""
_LOGARITHMIC = ("learning_rate", "weight_decay")


def check_search() -> None:
    """Raise MissingExtra where Optuna is not installed; nothing is imported."""
    try:
        spec = find_spec("optuna")
    except (ModuleNotFoundError, ValueError):  # raised by import hooks, and for None in sys.modules
        spec = None
    if not spec:
        raise MissingExtra("optuna is not installed: pip install 'edgecls[convert,search]'")


def search(
    settings: PhaseSettings, trials: int, seed: int, objective: Objective, advance: Callable[[], None]
) -> tuple[PhaseSettings, list[Mapping[str, Any]]]:
    """Return the best settings of `trials`, and all that were tried, by Optuna's tree-structured Parzen estimator.

    Each trial is {"validation_loss", and the hyper-parameters}. The given settings are tried first, so that the result
    is never worse. The same seed gives the same trials. Raises MissingExtra.
    """
    check_search()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    initial = {name: getattr(settings, name) for name in ("optimizer", "batch_size", *RANGES)}
    tried: list[Mapping[str, Any]] = []

    def run_trial(trial: Any) -> float:
        chosen = {
            "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),
            "batch_size": trial.suggest_categorical("batch_size", sorted({*BATCH_SIZES, settings.batch_size})),
            **{name: _suggest(trial, name, initial[name]) for name in RANGES},
        }
        loss = objective(replace(settings, **chosen))
        loss = loss if math.isfinite(loss) else math.inf  # diverged training is a bad trial, not a failed one
        tried.append({"validation_loss": loss, **chosen})
        advance()
        return loss

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(initial)
    study.optimize(run_trial, n_trials=trials)
    return replace(settings, **study.best_params), tried


def _suggest(trial: Any, name: str, initial: float) -> float:
    low, high = RANGES[name]
    logarithmic = name in _LOGARITHMIC and initial > 0
    return float(trial.suggest_float(name, min(low, initial), max(high, initial), log=logarithmic))
