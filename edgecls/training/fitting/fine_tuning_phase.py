"""The second phase of training: the upper part of the backbone, together with the head."""

import logging
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import EdgeclsError
from edgecls.training.fitting import fine_tune, graph
from edgecls.training.fitting.augment import augment, find_preset
from edgecls.training.fitting.augmented_inputs import (
    AugmentedPixels,
    BlankInputs,
    CachedActivations,
    cache_activations,
    seconds_per_inference,
)
from edgecls.training.fitting.checkpoint import Checkpoint, TrainingState, restore_variables, variables_of
from edgecls.training.fitting.plan import (
    MAX_CACHE_BYTES,
    Cut,
    FineTuningPlan,
    candidate_cuts,
    make_plan,
    seconds_afterwards,
)
from edgecls.training.fitting.training_data import BACKBONE, TrainingData, TrainingResult
from edgecls.training.settings import PhaseSettings

log = logging.getLogger(__name__)


def fine_tune_phase(
    data: TrainingData, head: TrainingResult, checkpoint: Checkpoint, resumed: TrainingState | None
) -> TrainingResult:
    """Train the part of the network that the plan names; `head` is the result of the first phase.

    Each epoch saves its state to `checkpoint`; `resumed` is the state to continue from.
    """
    network, settings = head.network, head.settings.fine_tuning
    if data.backbone.pretrained:
        fine_tune.freeze_norms(network)
    plan = resumed.plan if resumed else _plan(data, head)
    if not plan.epochs:
        return replace(head, plan=str(plan))
    inputs = _inputs_above(plan, data, head)
    upper = graph.upper_part(network, plan.cut)
    fine_tune.compile_for_training(upper, settings, len(data.train), plan.epochs)
    upper.optimizer.build(upper.trainable_variables)
    if resumed:
        restore_variables(variables_of(upper), resumed.variables)
        state = resumed
    else:
        before = fine_tune.evaluate_epoch("fine-tuning", 0, math.nan, head.validation, data.validation_classes)
        state = TrainingState(plan, 0, head.history, before, upper.get_weights(), head.validation, [])
    try:
        state = _train_epochs(data, settings, upper, state, inputs, checkpoint)
    except KeyboardInterrupt:
        if checkpoint.path.exists():  # there is none before the end of the first epoch
            log.warning("interrupted; training state saved in %s, continue with --resume", checkpoint.path)
        raise
    upper.set_weights(state.weights)
    # Of the settings that a search found for the head, only the dropout is part of the network.
    used = replace(settings, epochs=plan.epochs, dropout=head.settings.head.dropout)
    return replace(head, history=state.history, plan=str(plan), validation=state.probabilities, phase=used)


@dataclass(frozen=True)
class _Inputs:
    """The inputs of the trained part: augmented training images, and validation images by number."""

    examples: fine_tune.Examples
    validation: Callable[[NDArray[np.intp]], NDArray[np.float32]]


def _augmented_pixels(data: TrainingData, head: TrainingResult) -> fine_tune.Examples:
    augmentation = find_preset(head.settings.augmentation)
    inputs = AugmentedPixels(data.train, augmentation, data.normalize, data.seed)
    return fine_tune.Examples(inputs, data.train_classes, data.class_weights)


def _inputs_above(plan: FineTuningPlan, data: TrainingData, head: TrainingResult) -> _Inputs:
    """Return the inputs of the part above the plan's cut: pixels, or cached activations of what lies below it."""
    examples = _augmented_pixels(data, head)
    if not plan.cut:
        return _Inputs(examples, lambda numbers: data.normalize(data.validation.read(numbers)))
    lower = graph.lower_part(head.network, plan.cut)
    file, shape = data.save(lower, "lower.tflite"), lower.output_shape[1:]
    augmentation = find_preset(head.settings.augmentation)

    def variant(index: int, number: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return augment(image, augmentation, np.random.default_rng((data.seed, index, number)))

    variants = [partial(variant, index) for index in range(plan.variants)]
    with data.progress.step("lower layers", len(data.train) + len(data.validation)) as advance:
        train = cache_activations(data.work / "train.activations", file, shape, variants, data.train, advance)
        unchanged = [lambda _, image: image]
        validation = cache_activations(
            data.work / "validation.activations", file, shape, unchanged, data.validation, advance
        )
    return _Inputs(
        replace(examples, inputs=CachedActivations(train)),
        lambda numbers: validation.read((0, numbers)).astype(np.float32),
    )


def _plan(data: TrainingData, head: TrainingResult) -> FineTuningPlan:
    """Measure training steps on this machine, and plan how much of the network is trained."""
    settings, spec = head.settings, data.backbone.preprocessing
    budget = math.inf if settings.time_budget is None else settings.time_budget
    whole = settings.fine_tune == "all" or not data.backbone.pretrained
    examples = _augmented_pixels(data, head)

    def step_seconds(cut: Cut) -> float:
        upper = graph.upper_part(head.network, cut.layer)
        inputs = BlankInputs(upper.input_shape[1:]) if cut.layer else examples.inputs
        return fine_tune.seconds_per_image(upper, replace(examples, inputs=inputs), settings.fine_tuning)

    with data.progress.step("planning"):
        inference = 0.0
        if data.backbone.pretrained:  # the whole backbone, which takes slightly longer than the part below a cut
            inference = seconds_per_inference(data.work / BACKBONE, (spec.height, spec.width, spec.channels))
        elapsed = time.perf_counter() - data.started
        plan = make_plan(
            candidate_cuts(head.network, whole=whole),
            settings.fine_tuning.epochs,
            (len(data.train), len(data.validation)),
            lambda cut: (step_seconds(cut), inference if cut.layer else 0.0),
            budget - seconds_afterwards(step_seconds(Cut(None, 1.0)), data.test_count) - elapsed,
            min(MAX_CACHE_BYTES, shutil.disk_usage(data.work).free / 2),
        )
    # An untrained network has to be trained for an epoch at least.
    return plan if plan.epochs or data.backbone.pretrained else replace(plan, epochs=1)


def _train_epochs(
    data: TrainingData,
    settings: PhaseSettings,
    upper: keras.Model,
    state: TrainingState,
    inputs: _Inputs,
    checkpoint: Checkpoint,
) -> TrainingState:
    """Train for the remaining epochs, or until the validation loss has not improved for `patience` of them."""
    batches, saved = len(data.train) // min(settings.batch_size, len(data.train)), True
    with data.progress.step("fine-tuning", (state.plan.epochs - state.epochs_done) * batches) as advance:
        while state.epochs_done < state.plan.epochs and state.epochs_done - state.best_epoch.number < settings.patience:
            order = data.seed, state.epochs_done
            loss = fine_tune.train_epoch(upper, inputs.examples, settings, order, advance)
            probabilities = fine_tune.predict_probabilities(upper, inputs.validation, len(data.validation))
            epoch = fine_tune.evaluate_epoch(
                "fine-tuning", state.epochs_done + 1, loss, probabilities, data.validation_classes
            )
            state = replace(state, epochs_done=state.epochs_done + 1, history=(*state.history, epoch))
            if epoch.validation_loss < state.best_epoch.validation_loss:
                state = replace(state, best_epoch=epoch, weights=upper.get_weights(), probabilities=probabilities)
            variables = [np.asarray(value) for value in variables_of(upper)]
            saved = _save(checkpoint, replace(state, variables=variables), warn=saved)
    return state


def _save(checkpoint: Checkpoint, state: TrainingState, *, warn: bool) -> bool:
    """Save `state`; return False where that fails, which is logged once and does not end training."""
    try:
        checkpoint.save(state)
    except EdgeclsError as error:
        if warn:
            log.warning("%s. Training continues, but cannot be resumed from this epoch", error)
        return False
    return True
