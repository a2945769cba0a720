"""The second phase: the upper part of the backbone, with the head."""

import logging
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import EdgeclsError
from edgecls.training.fitting import fine_tune, graph
from edgecls.training.fitting.augment import augment, find_preset
from edgecls.training.fitting.augmented_inputs import (
    BlankViews,
    CachedViews,
    FreshViews,
    keep_activations,
    keep_pixels,
    seconds_per_look,
)
from edgecls.training.fitting.checkpoint import Checkpoint, TrainingState, restore_variables, variables_of
from edgecls.training.fitting.plan import (
    CACHE,
    EPOCHS,
    Cut,
    FineTuningPlan,
    candidate_cuts,
    make_plan,
    seconds_afterwards,
)
from edgecls.training.fitting.training_data import BACKBONE, TrainingData, TrainingResult
from edgecls.training.settings import Training

log = logging.getLogger(__name__)


def second_phase(
    task: TrainingData,
    training: Training,
    before: TrainingResult,
    begun: float,
    kept_state: tuple[Checkpoint, TrainingState | None],
) -> TrainingResult:
    """Train what the plan says on views of the images; the plan counts from `begun`, by time.perf_counter [s].

    `kept_state` is where each epoch leaves its state, and the state to go on from.
    """
    checkpoint, state = kept_state
    network, how, spec = before.network, find_preset(before.augmentation), task.backbone.preprocessing
    if task.backbone.pretrained:
        fine_tune.freeze_norms(network)
    with task.progress.step("keeping pixels", len(task.images) + len(task.held_out)) as advance:
        pixels = keep_pixels(task.work / "train", task.images, spec, advance, task.losses)
        held_out = keep_pixels(task.work / "validation", task.held_out, spec, advance, task.losses)
    fresh = FreshViews(pixels, how, task.normalize, task.seed)
    examples = fine_tune.Examples(fresh, task.classes, task.weights)
    plan = state.plan if state else _plan(task, training, network, examples, begun)
    if not plan.epochs:
        return replace(before, plan=str(plan))

    def look(numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        return task.normalize(held_out.read(numbers))

    if plan.cut:
        lower = graph.lower_part(network, plan.cut)
        file, shape = task.save(lower, "lower.tflite"), lower.output_shape[1:]

        def view(index: int, number: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return augment(image, how, np.random.default_rng((task.seed, index, number)))

        with task.progress.step("lower layers", len(task.images) + len(task.held_out)) as advance:
            made = [partial(view, index) for index in range(plan.views)]
            kept = keep_activations(task.work / "activations", file, shape, made, pixels, advance)
            plain = keep_activations(task.work / "held out", file, shape, [lambda _, image: image], held_out, advance)
        examples = replace(examples, views=CachedViews(kept))

        def look(numbers: NDArray[np.intp]) -> NDArray[np.float32]:
            return plain.read((0, numbers)).astype(np.float32)

    upper = graph.upper_part(network, plan.cut)
    fine_tune.compile_for(upper, training, len(task.images), plan.epochs)
    upper.optimizer.build(upper.trainable_variables)
    if state:
        restore_variables(variables_of(upper), state.variables)
    else:
        best = fine_tune.evaluate_epoch("fine-tuning", 0, math.nan, before.validation, task.truth)
        state = TrainingState(plan, 0, before.history, best, upper.get_weights(), before.validation, [])
    try:
        state = _epochs(task, training, upper, state, examples, look, checkpoint)
    except KeyboardInterrupt:
        if checkpoint.path.exists():  # not before the first epoch is over
            log.warning("what was trained is kept in %s: go on from there with --resume", checkpoint.path)
        raise
    upper.set_weights(state.weights)
    # Of what a search has found for the head the dropout alone is a part of the network.
    used = replace(fine_tune.in_full(training), epochs=plan.epochs, dropout=before.of_head.dropout)
    return replace(before, history=state.history, plan=str(plan), validation=state.probabilities, training=used)


def _plan(
    task: TrainingData, training: Training, network: keras.Model, examples: fine_tune.Examples, begun: float
) -> FineTuningPlan:
    epochs, cuts = training.epochs or EPOCHS, candidate_cuts(network, training)
    budget = math.inf if training.time_budget is None else training.time_budget
    spec = task.backbone.preprocessing

    def step(cut: Cut) -> float:
        upper = graph.upper_part(network, cut.layer)
        views = BlankViews(upper.input_shape[1:]) if cut.layer else examples.views
        return fine_tune.seconds_per_image(upper, replace(examples, views=views), training)

    with task.progress.step("planning"):
        look = 0.0
        if task.backbone.pretrained:  # the whole of it, for what is below a cut: a little too long
            look = seconds_per_look(task.work / BACKBONE, (spec.height, spec.width, spec.channels))
        left = budget - seconds_afterwards(step(Cut(None, 1.0)), task.tested) - (time.perf_counter() - begun)
        room = min(CACHE, shutil.disk_usage(task.work).free / 2)
        plan = make_plan(
            cuts,
            epochs,
            (len(task.images), len(task.held_out)),
            lambda cut: (step(cut), look if cut.layer else 0.0),
            left,
            room,
        )
    # What is trained from scratch has to learn something.
    return plan if plan.epochs or task.backbone.pretrained else replace(plan, epochs=1)


def _epochs(
    task: TrainingData,
    training: Training,
    upper: keras.Model,
    state: TrainingState,
    examples: fine_tune.Examples,
    look: Callable[[NDArray[np.intp]], NDArray[np.float32]],
    checkpoint: Checkpoint,
) -> TrainingState:
    """Train for the epochs that are left, or until none has been better for `patience` of them."""
    batches, kept = len(task.images) // min(training.batch_size, len(task.images)), True
    with task.progress.step("fine-tuning", (state.plan.epochs - state.done) * batches) as advance:
        while state.done < state.plan.epochs and state.done - state.best.number < training.patience:
            loss = fine_tune.train_epoch(upper, examples, training, (task.seed, state.done), advance)
            found = fine_tune.predict_probabilities(upper, look, len(task.truth))
            epoch = fine_tune.evaluate_epoch("fine-tuning", state.done + 1, loss, found, task.truth)
            state = replace(state, done=state.done + 1, history=(*state.history, epoch))
            if epoch.validation_loss < state.best.validation_loss:
                state = replace(state, best=epoch, weights=upper.get_weights(), probabilities=found)
            kept = _save(
                checkpoint, replace(state, variables=[np.asarray(value) for value in variables_of(upper)]), kept
            )
    return state


def _save(checkpoint: Checkpoint, state: TrainingState, before: bool) -> bool:
    """Save `state` and tell whether that was possible; that it was not is said once, and is no reason to stop."""
    try:
        checkpoint.save(state)
    except EdgeclsError as error:
        if before:
            log.warning("%s: training goes on, but --resume could not go on from here", error)
        return False
    return True
