"""One spelling for each class of a data set, whatever the names of its folders or the cells of its CSV say."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from edgecls.model.labels import find_label, unify_labels
from edgecls.training.data.sample import Sample

log = logging.getLogger(__name__)


def unify_classes(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples with one label for each class, see `unify_labels`; warn of classes that this has merged.

    Raises BadData for a name that no class can have.
    """
    labels, messages = unify_labels(Counter(sample.label for sample in samples))
    for message in messages:
        log.warning("%s", message)
    return [_relabelled(sample, labels[sample.label]) for sample in samples]


def spell_as(samples: Sequence[Sample], labels: Iterable[str]) -> list[Sample]:
    """Return the samples with those of `labels` that theirs mean, see `find_label`; other labels stay."""
    known = tuple(labels)
    spelled = {label: find_label(label, known) or label for label in {sample.label for sample in samples}}
    return [_relabelled(sample, spelled[sample.label]) for sample in samples]


def _relabelled(sample: Sample, label: str) -> Sample:
    return sample if sample.label == label else replace(sample, label=label)
