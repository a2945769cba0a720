"""Measure which share of a harvest to draw at random; the default of --random-share is based on it.

    python tools/harvest_shares.py [--seeds 30] [--budget 140]

Thirty seeds take as long as one model in tools/feedback_loop.py: the frozen backbone's features of ELPV's cells (pip
install 'edgecls[convert,demo]') are computed once, and heads are fitted to them in closed form (ridge regression to
+1 and -1, images weighted as in `edgecls convert`). It uses only the training part of tools/feedback_loop.py, split
again for each seed, so that nothing is tuned on the test images. `edgecls.results.active_learning.harvest` orders the
rows. Scores are used as they are, and look-alikes are not removed.

There are two cases. Out of distribution: all labelled cells are monocrystalline, the rows are polycrystalline. In
distribution: 200 cells of both kinds are labelled, the rows are other cells of both kinds.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from elpv import read_cells
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from edgecls.images.preprocess import load_pixels
from edgecls.results.active_learning.harvest import Candidate, SampleRequest, rank_candidates
from edgecls.training.backbones import DEFAULT_BACKBONE, find_backbone
from edgecls.training.data.balance import class_weights
from edgecls.training.heavy import load_tensorflow

RIDGE = 0.3
LABELS = ("functional", "defective")

Indices = NDArray[np.intp]


def main() -> None:
    """Compute the features, run the seeds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30, help="number of seeds (default: %(default)s)")
    parser.add_argument("--budget", type=int, default=140, help="number of labels (default: %(default)s)")
    arguments = parser.parse_args()
    cells = Cells()
    columns = {}
    for case in ("out", "in"):
        runs = [one_seed(cells, case, seed, arguments.budget) for seed in range(arguments.seeds)]
        columns[case] = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    print("| labelled | out of distribution | in distribution |\n| --- | --- | --- |")
    for name in columns["out"]:
        shown = [
            f"{100 * accuracies[name].mean():.1f} ± {100 * accuracies[name].std() / len(accuracies[name]) ** 0.5:.1f}"
            for accuracies in columns.values()
        ]
        print(f"| {name} | {' | '.join(shown)} |")


class Cells:
    """All photographs: products of their features (n, n), whether defective (n,), whether polycrystalline (n,)."""

    def __init__(self) -> None:
        cells = list(read_cells())
        self.strata = [stratum for *_, stratum in cells]
        self.defective = np.array([label == "defective" for _, label, _ in cells])
        self.poly = np.array([stratum.endswith("poly") for stratum in self.strata])
        features = _features([path for path, _, _ in cells])
        features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6) / features.shape[1] ** 0.5
        self.products = features @ features.T + 1  # 1: the bias
        self.train: Indices = train_test_split(
            np.arange(len(cells)), test_size=0.25, stratify=self.strata, random_state=0
        )[0]

    def fit(self, labelled: Indices) -> Any:
        """Return a head: images -> a score each (n,), positive for defective."""
        truth = self.defective[labelled]
        by_label = class_weights({label: int((truth == n).sum()) for n, label in enumerate(LABELS)})
        weights = np.where(truth, by_label["defective"], by_label["functional"])
        products = self.products[np.ix_(labelled, labelled)]
        solved = np.linalg.solve(products + np.diag(RIDGE / weights), np.where(truth, 1.0, -1.0))
        return lambda images: self.products[np.ix_(images, labelled)] @ solved


def _features(paths: list[Path]) -> NDArray[np.float32]:
    load_tensorflow()
    backbone = find_backbone(DEFAULT_BACKBONE)
    network = backbone.load()
    batches = []
    for start in range(0, len(paths), 32):
        pixels = [load_pixels(path.read_bytes(), backbone.preprocessing) for path in paths[start : start + 32]]
        batches.append(network.predict_on_batch((np.stack(pixels).astype(np.float32) - backbone.mean) / backbone.std))
    return np.concatenate(batches)


def one_seed(cells: Cells, case: str, seed: int, budget: int) -> dict[str, float]:
    """Return the accuracy on the test cells, 0 to 1, by the labelled cells."""
    strata = [cells.strata[i] for i in cells.train]
    own, tested = train_test_split(cells.train, test_size=0.3, stratify=strata, random_state=seed)
    if case == "out":
        labelled, pool, tested = own[~cells.poly[own]], own[cells.poly[own]], tested[cells.poly[tested]]
    else:
        own = np.random.default_rng(seed).permutation(own)
        labelled, pool = own[:200], own[200:]

    def accuracy(more: Indices) -> float:
        answers = cells.fit(np.concatenate([labelled, more]))(tested) > 0
        return float((answers == cells.defective[tested]).mean())

    def harvested(share: float, of: Indices, known: Indices, count: int) -> Indices:
        scores = cells.fit(np.concatenate([labelled, known]))(of)
        request = SampleRequest(count, share, seed=seed)
        rows = [_candidate(n, score) for n, score in enumerate(scores)]
        order = rank_candidates(rows, request)
        chosen = dict.fromkeys(order.random[: request.random_count])
        for n in (*order.rare[: request.rare_count], *(each.id for each in order.unsure)):
            if len(chosen) < count:
                chosen[n] = None
        return of[np.array(list(chosen), np.intp)]

    nothing = np.array([], np.intp)
    accuracies = {"nothing more": accuracy(nothing)}
    for share in (0.0, 0.15, 0.3, 0.5, 1.0):
        accuracies[f"--random-share {share:g}"] = accuracy(harvested(share, pool, nothing, budget))
    first = harvested(1.0, pool[::2], nothing, budget // 2)
    second = harvested(0.15, pool[1::2], first, budget - budget // 2)
    accuracies["two rounds: --random-share 1, then 0.15"] = accuracy(np.concatenate([first, second]))
    accuracies["everything"] = accuracy(pool)
    return accuracies


def _candidate(number: int, score: float) -> Candidate:
    guess = LABELS[int(score > 0)]
    return Candidate(number, guess, guess, min(1.0, abs(float(score))))


if __name__ == "__main__":
    main()
