"""How much of a harvest should be drawn by chance: what the default of --random-share was chosen by.

    python tools/harvest_shares.py [--seeds 30] [--budget 140]

Thirty seeds in the time that tools/feedback_loop.py takes for a model: the frozen backbone's features of ELPV's cells (pip
install 'edgecls[convert,demo]') are computed once, and heads are fitted to them in closed form (ridge regression to
+1 and -1, images weighed as `edgecls convert` does). Only the training part of tools/feedback_loop.py is used, divided
anew for each seed: nothing is chosen on what that measures with. Rows are ordered by `edgecls.results.active_learning.harvest` itself;
every score is believed, and no picture is left out for looking like another.

Two situations: all labelled cells are monocrystalline and the rows are polycrystalline ones (`new ground`); or 200 cells of
both kinds are labelled and the rows are others of both kinds (`known ground`).
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
    """Features, seeds, table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--budget", type=int, default=140)
    arguments = parser.parse_args()
    cells = Cells()
    columns = {}
    for ground in ("new", "known"):
        runs = [one_seed(cells, ground, seed, arguments.budget) for seed in range(arguments.seeds)]
        columns[ground] = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    print("| labelled | new ground | known ground |\n| --- | --- | --- |")
    for name in columns["new"]:
        shown = [
            f"{100 * found[name].mean():.1f} ± {100 * found[name].std() / len(found[name]) ** 0.5:.1f}"
            for found in columns.values()
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
        """A head: images -> a number each (n,), positive where it takes them for defective."""
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
    found = []
    for start in range(0, len(paths), 32):
        pixels = [load_pixels(path.read_bytes(), backbone.preprocessing) for path in paths[start : start + 32]]
        found.append(network.predict_on_batch((np.stack(pixels).astype(np.float32) - backbone.mean) / backbone.std))
    return np.concatenate(found)


def one_seed(cells: Cells, ground: str, seed: int, budget: int) -> dict[str, float]:
    """Accuracies on the cells that are tested, 0 to 1, by what was labelled."""
    strata = [cells.strata[i] for i in cells.train]
    own, tested = train_test_split(cells.train, test_size=0.3, stratify=strata, random_state=seed)
    if ground == "new":
        labelled, pool, tested = own[~cells.poly[own]], own[cells.poly[own]], tested[cells.poly[tested]]
    else:
        own = np.random.default_rng(seed).permutation(own)
        labelled, pool = own[:200], own[200:]

    def accuracy(more: Indices) -> float:
        answers = cells.fit(np.concatenate([labelled, more]))(tested) > 0
        return float((answers == cells.defective[tested]).mean())

    def harvested(control: float, of: Indices, known: Indices, count: int) -> Indices:
        scores = cells.fit(np.concatenate([labelled, known]))(of)
        request = SampleRequest(count, control, seed=seed)
        rows = [_candidate(n, score) for n, score in enumerate(scores)]
        order = rank_candidates(rows, request)
        chosen = dict.fromkeys(order.random[: request.random_count])
        for n in (*order.rare[: request.rare_count], *(each.id for each in order.unsure)):
            if len(chosen) < count:
                chosen[n] = None
        return of[np.array(list(chosen), np.intp)]

    nothing = np.array([], np.intp)
    found = {"nothing more": accuracy(nothing)}
    for control in (0.0, 0.15, 0.3, 0.5, 1.0):
        found[f"--random-share {control:g}"] = accuracy(harvested(control, pool, nothing, budget))
    first = harvested(1.0, pool[::2], nothing, budget // 2)
    second = harvested(0.15, pool[1::2], first, budget - budget // 2)
    found["two rounds: --random-share 1, then 0.15"] = accuracy(np.concatenate([first, second]))
    found["everything"] = accuracy(pool)
    return found


def _candidate(number: int, score: float) -> Candidate:
    guess = LABELS[int(score > 0)]
    return Candidate(number, guess, guess, min(1.0, abs(float(score))))


if __name__ == "__main__":
    main()
