"""Comparison of two distributions: counts by category, in numpy, without scipy.

Consecutive frames show the same scene: a thousand of them may carry no more information than ten. The counts therefore
come in clusters (hours), and the variance between clusters shows how many independent frames they are worth: the design
effect, by which Rao and Scott (J. Amer. Statist. Assoc. 76, 1981, 221-230) divide the chi-square statistic of clustered
samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATES = 9_999
"""Replicates of the Monte Carlo test: the lowest p is one in ten thousand."""
MIN_EXPECTED = 5.0
"""Categories with fewer expected frames on either side, counted as independent frames, are merged into one."""

_CHUNK = 500
_SEED = 0


@dataclass(frozen=True, eq=False)
class FrameCounts:
    """Counts of frames, int64 (clusters, categories). `independent`: clusters are ignored, each frame is independent."""

    counts: NDArray[np.int64]
    independent: bool = False

    @property
    def total(self) -> NDArray[np.int64]:
        """The counts of all clusters together, int64 (categories,)."""
        total: NDArray[np.int64] = self.counts.sum(axis=0)
        return total

    @property
    def n(self) -> int:
        """The number of frames."""
        return int(self.counts.sum())

    @property
    def effective_n(self) -> float:
        """The number of independent frames that they are worth: at least 1 if there are any frames."""
        return max(1.0, self.n / (1.0 if self.independent else design_effect(self.counts))) if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Category:
    """The shares of one category, 0 to 1, and its part of the population stability index."""

    name: str
    share: float
    baseline_share: float
    psi: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between a sample and a baseline.

    Attributes:
        psi: The population stability index.
        p: The probability that two samples of one distribution differ more.
        n, baseline_n: Numbers of frames.
        effective_n, baseline_effective_n: The numbers of independent frames that they are worth.
    """

    psi: float
    p: float
    n: int
    effective_n: float
    baseline_n: int
    baseline_effective_n: float
    categories: tuple[Category, ...]


def compare_distributions(names: tuple[str, ...], sample: FrameCounts, baseline: FrameCounts) -> Comparison:
    """Compare a sample with a baseline. Both have the categories `names`, and neither is empty."""
    parts = stability_index(sample.total, baseline.total)
    shares, baseline_shares = sample.total / sample.n, baseline.total / baseline.n
    rows = zip(names, shares.tolist(), baseline_shares.tolist(), parts.tolist(), strict=True)
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
    """Return the parts of the population stability index, (p - q) ln(p / q) for each category; both inputs (categories,).

    Half a frame is added to each count, so that a category that is missing on one side has a finite part. By convention,
    an index below 0.1 means no change, and one from 0.25 a major change (Siddiqi, Credit Risk Scorecards, 2006).
    """
    p, q = ((each + 0.5) / (each.sum() + 0.5 * len(each)) for each in (counts, baseline))
    parts: NDArray[np.float64] = (p - q) * np.log(p / q)
    return parts


def design_effect(counts: NDArray[np.int64]) -> float:
    """Return the variance between clusters relative to that of independent frames: 1 or more.

    It is the mean of the design effects of the categories, weighted as in Rao and Scott's first-order correction, with
    the variance of a ratio estimator between clusters. It is 1 for a single cluster or a single category.

    Args:
        counts: int64 (clusters, categories).
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
    """Return the p-value, 1e-4 to 1, of the chi-square test of homogeneity for the effective sample sizes.

    It is estimated by Monte Carlo, from multinomial samples of the pooled shares with a fixed seed (Hope, J. R. Statist.
    Soc. B 30, 1968, 582-598). That holds for few frames too, where the chi-square distribution does not.
    """
    sizes = np.array([sample.effective_n, baseline.effective_n])
    shares = np.stack([sample.total / sample.n, baseline.total / baseline.n])
    shares = _merge_rare_categories(shares, sizes)
    if shares.shape[1] < 2:
        return 1.0
    pooled = sizes @ shares / sizes.sum()
    observed = float(_statistic(shares[None], sizes)[0])
    exceeding = 0
    rounded_sizes = np.maximum(1, np.rint(sizes)).astype(np.int64)
    generator = np.random.default_rng(_SEED)
    for begin in range(0, REPLICATES, _CHUNK):
        count = min(_CHUNK, REPLICATES - begin)
        drawn = np.stack([generator.multinomial(n, pooled, size=count) / n for n in rounded_sizes], axis=1)
        exceeding += int(np.count_nonzero(_statistic(drawn, rounded_sizes.astype(np.float64)) >= observed * (1 - 1e-9)))
    return (exceeding + 1) / (REPLICATES + 1)


def _merge_rare_categories(shares: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares (2, categories) with those of rare categories added up in the last column, without columns of zeros."""
    expected = sizes.min() * (sizes @ shares) / sizes.sum()
    rare = expected < MIN_EXPECTED
    merged = np.concatenate([shares[:, ~rare], shares[:, rare].sum(axis=1, keepdims=True)], axis=1)
    return merged[:, merged.sum(axis=0) > 0]


def _statistic(shares: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's chi-square statistic, (m,), of shares (m, 2, categories) in samples of `sizes` (2,)."""
    pooled = np.einsum("s,msc->mc", sizes, shares) / sizes.sum()
    squares = (shares[:, 0] - shares[:, 1]) ** 2
    parts = np.divide(squares, pooled, out=np.zeros_like(squares), where=pooled > 0)
    statistic: NDArray[np.float64] = parts.sum(axis=1) / (1 / sizes).sum()
    return statistic
