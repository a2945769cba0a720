"""Training, step by step: the head on the features of the frozen backbone, then the backbone's upper part with it."""

import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.convert.backbones import Backbone
from edgecls.convert.data.dataset import Dataset
from edgecls.convert.data.samples import Sample
from edgecls.convert.quantization import quantize
from edgecls.convert.settings import AUTO, Epoch, Training
from edgecls.convert.training import fine_tune, graph
from edgecls.convert.training.augment import augment, find_preset, preset_for
from edgecls.convert.training.checkpoint import Checkpoint, State, restore, variables_of
from edgecls.convert.training.features import View, extract_features
from edgecls.convert.training.head import attach, in_full, new_head, train_head
from edgecls.convert.training.plan import CACHE, EPOCHS, Plan, candidates, make_plan, seconds_afterwards
from edgecls.convert.training.search import search
from edgecls.convert.training.views import CachedViews, FreshViews, keep_activations, keep_pixels
from edgecls.errors import UsageError
from edgecls.progress import Steps

log = logging.getLogger(__name__)

TIME_BUDGET = 600.0
HARMLESS = 0.07
"""The accuracy that the head may lose on mirrored or turned images for these to count as what the data may hold."""


@dataclass(frozen=True)
class Trained:
    """`network`: normalised pixels -> probabilities. `validation`: its probabilities, float32 (images, classes).

    `plan` says in words what was trained, `augmentation` names the preset that was used, `trials` are those of a search.
    `training` is how the last phase was trained, `of_head` how the head was, with nothing left open.
    """

    network: keras.Model
    history: tuple[Epoch, ...]
    plan: str
    augmentation: str
    validation: NDArray[np.float32]
    training: Training
    of_head: Training
    trials: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Task:
    """What there is to train on. `images` train, `held_out` validate; `classes` and `truth` are theirs, int (n,).

    `tested` is how many images the models will be measured on.

    `weights`, float32 (classes,), are those of a training image of each class; `work` is a folder for caches.
    """

    backbone: Backbone
    images: Sequence[Sample]
    held_out: Sequence[Sample]
    classes: NDArray[np.intp]
    truth: NDArray[np.intp]
    tested: int
    weights: NDArray[np.float32]
    work: Path
    seed: int
    steps: Steps

    def normalize(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the backbone takes."""
        return quantize.normalize(pixels, self.backbone.mean, self.backbone.std)

    def save(self, network: keras.Model, name: str) -> Path:
        """As a float .tflite that takes pixels."""
        file = self.work / name
        file.write_bytes(quantize.to_float(network, self.backbone.mean, self.backbone.std))
        return file


def make_task(backbone: Backbone, data: Dataset, training: Training, work: Path, seed: int, steps: Steps) -> Task:
    """Of the `train` and `validation` samples of a data set."""
    images, held_out = data.of("train"), data.of("validation")
    places = {label: index for index, label in enumerate(data.labels)}
    weights = data.class_weights() if training.class_weights else dict.fromkeys(data.labels, 1.0)
    return Task(
        backbone,
        images,
        held_out,
        np.array([places[sample.label] for sample in images], np.intp),
        np.array([places[sample.label] for sample in held_out], np.intp),
        len(data.of("test")),
        np.array([weights[label] for label in data.labels], np.float32),
        work,
        seed,
        steps,
    )


def train(task: Task, training: Training, checkpoint: Checkpoint, *, resume: bool = False) -> Trained:
    """Both phases, as `training` says; fine-tuning leaves `checkpoint` after each epoch, or goes on from it.

    Raises UsageError for a backbone that has nothing to freeze, and those of `Checkpoint.load`.
    """
    begun = time.perf_counter()
    if not task.backbone.pretrained and training.fine_tune == "none":
        raise UsageError(f"{task.backbone.name} is trained from scratch: it cannot do without --fine-tune all")
    training = replace(training, time_budget=_budget(task.backbone, training))
    with task.steps.step("loading backbone"):
        frozen = task.backbone.load()
    first_phase = _train_head if task.backbone.pretrained else _untrained
    trained = first_phase(task, training, frozen)
    if training.fine_tune == "none":
        return trained
    return _fine_tune(task, training, trained, begun, (checkpoint, checkpoint.load() if resume else None))


def _budget(backbone: Backbone, training: Training) -> float | None:
    """None: asked for by name, a part is trained however long it takes."""
    if training.time_budget is None and training.fine_tune == "auto" and backbone.pretrained:
        return TIME_BUDGET
    return training.time_budget


def _of_head(training: Training) -> Training:
    """What was set is meant for the last phase."""
    if training.fine_tune != "none":
        training = replace(training, epochs=None, optimizer=None, learning_rate=None, label_smoothing=None)
    return in_full(training)


def _untrained(task: Task, training: Training, backbone: keras.Model) -> Trained:
    network = new_head(backbone, len(task.weights), training, task.seed)
    nothing = np.full((len(task.truth), len(task.weights)), 1 / len(task.weights), np.float32)
    augmentation = "none" if training.augmentation == AUTO else training.augmentation
    return Trained(network, (), "nothing", augmentation, nothing, training, _of_head(training))


def _train_head(task: Task, training: Training, frozen: keras.Model) -> Trained:
    file = task.save(frozen, "backbone.tflite")

    def look(samples: Sequence[Sample], name: str, view: View = lambda pixels: pixels) -> NDArray[np.float32]:
        return extract_features(file, samples, task.backbone.preprocessing, task.steps, name, view)

    seen, unseen = look(task.images, "frozen layers"), look(task.held_out, "frozen layers")
    last, training = training.fine_tune == "none", _of_head(training)

    def fit(training: Training, advance: Callable[[], None] = lambda: None) -> tuple[keras.Model, list[Epoch]]:
        return train_head((seen, task.classes), (unseen, task.truth), task.weights, training, task.seed, advance)

    trials: list[Mapping[str, Any]] = []
    if training.search:

        def loss(training: Training) -> float:
            found = np.asarray(fit(training)[0].predict_on_batch(unseen))
            return fine_tune.judge("head", 0, math.nan, found, task.truth).validation_loss

        with task.steps.step("searching", training.search) as advance:
            training, trials = search(training, training.search, task.seed, loss, advance)
    with task.steps.step("training head", training.epochs) as advance:
        head, history = fit(training, advance)
    probabilities = np.asarray(head.predict_on_batch(unseen))
    augmentation = training.augmentation
    if augmentation == AUTO:
        right = float((probabilities.argmax(axis=1) == task.truth).mean())

        def is_harmless(view: View) -> bool:
            answers = np.argmax(head.predict_on_batch(look(task.held_out, "trying views", view)), axis=1)
            return float((answers == task.truth).mean()) >= right - HARMLESS

        augmentation = "none" if last else _find_augmentation(is_harmless)
    network = attach(frozen, head, training)
    plan = "the head only"
    return Trained(network, tuple(history), plan, augmentation, probabilities, training, training, tuple(trials))


def _find_augmentation(is_harmless: Callable[[View], bool]) -> str:
    """What the head recognises as well in the mirror, upside down or turned may be shown to the network so."""
    mirror = is_harmless(np.fliplr)
    return preset_for(mirror=mirror, any_way=mirror and is_harmless(np.flipud) and is_harmless(np.rot90))


def _fine_tune(
    task: Task, training: Training, before: Trained, begun: float, kept_state: tuple[Checkpoint, State | None]
) -> Trained:
    checkpoint, state = kept_state
    network, how, spec = before.network, find_preset(before.augmentation), task.backbone.preprocessing
    if task.backbone.pretrained:
        fine_tune.freeze_norms(network)
    with task.steps.step("keeping pixels", len(task.images) + len(task.held_out)) as advance:
        pixels = keep_pixels(task.work / "train", task.images, spec, advance)
        held_out = keep_pixels(task.work / "validation", task.held_out, spec, advance)
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

        with task.steps.step("lower layers", len(task.images) + len(task.held_out)) as advance:
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
        restore(variables_of(upper), state.variables)
    else:
        best = fine_tune.judge("fine-tuning", 0, math.nan, before.validation, task.truth)
        state = State(plan, 0, before.history, best, upper.get_weights(), before.validation, [])
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


def _plan(task: Task, training: Training, network: keras.Model, examples: fine_tune.Examples, begun: float) -> Plan:
    epochs, cuts = training.epochs or EPOCHS, candidates(network, training)
    budget = math.inf if training.time_budget is None else training.time_budget
    with task.steps.step("planning"):
        seconds = fine_tune.seconds_per_image(graph.upper_part(network, None), examples, training)
    left = budget - seconds_afterwards(seconds, task.tested) - (time.perf_counter() - begun)
    room = min(CACHE, shutil.disk_usage(task.work).free / 2)
    plan = make_plan(cuts, epochs, (len(task.images), len(task.held_out)), seconds, left, room)
    # What is trained from scratch has to learn something.
    return plan if plan.epochs or task.backbone.pretrained else replace(plan, epochs=1)


def _epochs(
    task: Task,
    training: Training,
    upper: keras.Model,
    state: State,
    examples: fine_tune.Examples,
    look: Callable[[NDArray[np.intp]], NDArray[np.float32]],
    checkpoint: Checkpoint,
) -> State:
    """Train for the epochs that are left, or until none has been better for `patience` of them."""
    batches = len(task.images) // min(training.batch_size, len(task.images))
    with task.steps.step("fine-tuning", (state.plan.epochs - state.done) * batches) as advance:
        while state.done < state.plan.epochs and state.done - state.best.number < training.patience:
            loss = fine_tune.train_epoch(upper, examples, training, (task.seed, state.done), advance)
            found = fine_tune.predict(upper, look, len(task.truth))
            epoch = fine_tune.judge("fine-tuning", state.done + 1, loss, found, task.truth)
            state = replace(state, done=state.done + 1, history=(*state.history, epoch))
            if epoch.validation_loss < state.best.validation_loss:
                state = replace(state, best=epoch, weights=upper.get_weights(), probabilities=found)
            checkpoint.save(replace(state, variables=[np.asarray(value) for value in variables_of(upper)]))
    return state
