"""The optimizers and their learning-rate schedule."""

import keras

WARM_UP = 0.1
"""The share of all steps in which the learning rate rises; afterwards it follows a half cosine down to 0."""


def make_optimizer(name: str, learning_rate: float, weight_decay: float, steps: int) -> keras.optimizers.Optimizer:
    """Return an optimizer for `steps` steps with a peak rate of `learning_rate` (Loshchilov and Hutter 2017, one cycle).

    `weight_decay` is decoupled, and used by adamw and sgd only; sgd has a Nesterov momentum of 0.9.
    """
    rising = int(WARM_UP * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / (rising + 1), max(1, steps - rising), warmup_target=learning_rate, warmup_steps=rising
    )
    if name == "adamw":
        return keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
    if name == "sgd":
        return keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=weight_decay)
    return keras.optimizers.Adam(schedule) if name == "adam" else keras.optimizers.RMSprop(schedule)
