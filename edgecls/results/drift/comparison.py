"""Whether two samples are of one distribution: counts by category, in numpy, without scipy.

Frames that follow each other show the same scene: a thousand of them may say no more than ten. The counts therefore
come in clusters (hours), and how much these differ among each other says how many independent frames they are worth:
the design effect, by which Rao and Scott (J. Amer. Statist. Assoc. 76, 1981, 221-230) divide the chi-square statistic
of clustered samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATES = 9_999
"""Of the Monte-Carlo test: the least p is one in ten thousand."""
LEAST_EXPECTED = 5.0
"""Rarer categories are taken together: on both sides, by what they are worth, so many frames should be in each."""

_CHUNK = 500
_SEED = 0


@dataclass(frozen=True, eq=False)
class FrameCounts:
    """Frames by category: int64 (clusters, categories). `independent`: each frame counts by itself, clusters or not."""

    counts: NDArray[np.int64]
    independent: bool = False

    @property
    def total(self) -> NDArray[np.int64]:
        """Of all clusters, (categories,)."""
        total: NDArray[np.int64] = self.counts.sum(axis=0)
        return total

    @property
    def n(self) -> int:
        """Frames."""
        return int(self.counts.sum())

    @property
    def effective_n(self) -> float:
        """What they are worth in independent frames: at least 1 where there are any."""
        return max(1.0, self.n / (1.0 if self.independent else design_effect(self.counts))) if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Category:
    """Shares of one category, 0 to 1, and its part of the index."""

    name: str
    share: float
    baseline_share: float
    psi: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two samples compared. `psi`: population stability index. `p`: of samples of one distribution, how many differ more.

    `n` frames are worth `effective_n` independent ones; so for the baseline.
    """

    psi: float
    p: float
    n: int
    effective_n: float
    baseline_n: int
    baseline_effective_n: float
    categories: tuple[Category, ...]


def compare(names: tuple[str, ...], sample: FrameCounts, baseline: FrameCounts) -> Comparison:
    """`names` of the categories, of both samples; neither is empty."""
    parts = stability_index(sample.total, baseline.total)
    shares, before = sample.total / sample.n, baseline.total / baseline.n
    rows = zip(names, shares.tolist(), before.tolist(), parts.tolist(), strict=True)
    return Comparison(
        float(parts.sum()),
        p_value(sample, baseline),
        sample.n,
        sample.effective_n,
        baseline.n,
        baseline.effective_n,
        tuple(Category(*row) for row in rows),
    )


def stability_index(counts: NDArray[np.int64], baseline: NDArray[np.int64]) -> NDArray[np.float64]:
    """The parts of the population stability index, (p - q) ln(p / q) for each category; both inputs (categories,).

    Half a frame is added to each count, so that a category that one side lacks has a finite part. By custom under 0.1
    nothing has changed, and from 0.25 much has (Siddiqi, Credit Risk Scorecards, 2006).
    """
    p, q = ((each + 0.5) / (each.sum() + 0.5 * len(each)) for each in (counts, baseline))
    parts: NDArray[np.float64] = (p - q) * np.log(p / q)
    return parts


def design_effect(counts: NDArray[np.int64]) -> float:
    """By how much more than independent frames the clusters (clusters, categories) differ from each other: 1 or more.

    The mean of the categories' design effects, weighted as Rao and Scott's first-order correction weights them, with
    the variance of a ratio estimator between clusters. 1 where there is but one cluster, or one category.
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    clusters, categories = counts.shape
    if clusters < 2 or categories < 2:
        return 1.0
    n, sizes = counts.sum(), counts.sum(axis=1, keepdims=True)
    share = counts.sum(axis=0) / n
    residual = counts - sizes * share
    between = clusters / (clusters - 1) * (residual**2).sum(axis=0) / (n * share)
    effect = float(between.sum()) / float(categories - 1)
    return max(1.0, effect)


def p_value(sample: FrameCounts, baseline: FrameCounts) -> float:
    """Of the chi-square test of homogeneity, with the sizes that the samples are worth, by Monte Carlo: 1e-4 to 1.

    Multinomial samples of the common shares, with a fixed seed (Hope, J. R. Statist. Soc. B 30, 1968, 582-598): right
    for few frames, too, where the chi-square distribution is not.
    """
    sizes = np.array([sample.effective_n, baseline.effective_n])
    shares = np.stack([sample.total / sample.n, baseline.total / baseline.n])
    shares = _without_rare(shares, sizes)
    if shares.shape[1] < 2:
        return 1.0
    common = sizes @ shares / sizes.sum()
    observed = float(_statistic(shares[None], sizes)[0])
    as_large = 0
    whole = np.maximum(1, np.rint(sizes)).astype(np.int64)
    chance = np.random.default_rng(_SEED)
    for begin in range(0, REPLICATES, _CHUNK):
        count = min(_CHUNK, REPLICATES - begin)
        drawn = np.stack([chance.multinomial(n, common, size=count) / n for n in whole], axis=1)
        as_large += int(np.count_nonzero(_statistic(drawn, whole.astype(np.float64)) >= observed * (1 - 1e-9)))
    return (as_large + 1) / (REPLICATES + 1)


def _without_rare(shares: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares (2, categories), those of the rare ones added up in the last column; columns of zeros left out."""
    expected = sizes.min() * (sizes @ shares) / sizes.sum()
    rare = expected < LEAST_EXPECTED
    merged = np.concatenate([shares[:, ~rare], shares[:, rare].sum(axis=1, keepdims=True)], axis=1)
    return merged[:, merged.sum(axis=0) > 0]


def _statistic(shares: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's chi-square of shares (m, 2, categories) in samples of `sizes` (2,): (m,)."""
    common = np.einsum("s,msc->mc", sizes, shares) / sizes.sum()
    squares = (shares[:, 0] - shares[:, 1]) ** 2
    parts = np.divide(squares, common, out=np.zeros_like(squares), where=common > 0)
    statistic: NDArray[np.float64] = parts.sum(axis=1) / (1 / sizes).sum()
    return statistic
