"""Fill in the defaults of `Training`, once, before a conversion begins."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from edgecls.errors import UsageError
from edgecls.training.backbones import Backbone
from edgecls.training.settings import (
    AUTO,
    DEFAULTS,
    FINE_TUNING_DEFAULTS,
    HEAD_DEFAULTS,
    TIME_BUDGET,
    PhaseSettings,
    ResolvedTraining,
    Training,
)

log = logging.getLogger(__name__)


def resolve_defaults(training: Training, backbone: Backbone) -> ResolvedTraining:
    """Return the settings with defaults for all that was not given: the backbone's own, or else the general ones.

    A given value stays. Where it cannot take effect, a line is logged. Raises UsageError where the backbone cannot be
    trained as requested.
    """
    explicit = {name: value for name, value in asdict(training).items() if value is not None}
    settings = {**DEFAULTS, **backbone.training, **explicit}
    fine_tune, augmentation, time_budget = settings["fine_tune"], settings["augmentation"], training.time_budget
    if not backbone.pretrained:
        _check_untrained(settings, backbone.name)
    if fine_tune == "none":
        ineffective = [f"--augment {augmentation}"] if augmentation not in (AUTO, "none") else []
        ineffective += ["--time-budget"] if time_budget is not None else []
        if ineffective:
            log.warning(
                "%s has no effect with --fine-tune none, which trains the head on unchanged images",
                " and ".join(ineffective),
            )
        augmentation, time_budget = "none", None
    elif augmentation == AUTO and not backbone.pretrained:
        augmentation = backbone.training.get("augmentation", "none")
        log.info("%s has no pretrained features to measure augmentations with: using %r", backbone.name, augmentation)
    if fine_tune == AUTO and time_budget is None:
        time_budget = TIME_BUDGET
    shared = {name: settings[name] for name in ("batch_size", "dropout", "weight_decay", "patience")}
    chosen = {name: settings[name] for name in HEAD_DEFAULTS if name in settings}
    return ResolvedTraining(
        fine_tune=fine_tune,
        time_budget=time_budget,
        augmentation=augmentation,
        class_weights=settings["class_weights"],
        search=settings["search"],
        head=PhaseSettings(**shared, **{**HEAD_DEFAULTS, **(chosen if fine_tune == "none" else {})}),
        fine_tuning=PhaseSettings(**shared, **{**FINE_TUNING_DEFAULTS, **chosen}),
    )


def _check_untrained(settings: Mapping[str, Any], name: str) -> None:
    """Raise UsageError for settings that need pretrained weights."""
    if settings["fine_tune"] in ("none", "top"):
        raise UsageError(
            f"{name} has no pretrained weights, so all of it is trained: omit --fine-tune {settings['fine_tune']}"
        )
    if settings["search"]:
        raise UsageError(f"--search needs a pretrained network, and {name} is not pretrained: omit it")
