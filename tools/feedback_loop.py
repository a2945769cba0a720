"""Measure what 200 labels of harvested images are worth: from a device's rows to a better model, on solar cells.

    python tools/feedback_loop.py FOLDER [--seeds 0 1 2] [--budget 200]

ELPV (pip install 'edgecls[convert,demo]') has 2,624 photographs of monocrystalline and polycrystalline cells; its
labels.csv tells which is which. A model trained on monocrystalline cells classifies polycrystalline ones. Its rows are
harvested, and the images are labelled with the truth (each is moved to its folder), imported and used for training, all
with the commands of edgecls. The table shows the accuracy of the int8 models on a quarter of the photographs that is held
out from everything and is the same for all seeds. The seeds vary the validation images, the weights and the random draws.


    floor       trained on the monocrystalline cells only
    at random   with `budget` labels of polycrystalline cells in addition, all drawn at random (--random-share 1); the
                default of `edgecls harvest`, because it detects that the answers have drifted
    half        half drawn at random, half those of which the model is unsure (--random-share 0.5)
    two rounds  the defaults: half of the labels come from the first half of the cells; a model trained on them classifies
                the second half, from which the other labels come
    ceiling     trained on all cells of both kinds with all labels

FOLDER keeps models, databases and figures.json; a second run adds what is missing.
"""

import argparse
import csv
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from elpv import make, read_cells
from sklearn.model_selection import train_test_split

Cell = tuple[Path, str, str]
"""file, label, stratum: the last word of which is the kind, `mono` or `poly`"""

RANDOM = {"at random": "1", "half": "0.5"}
ARMS = ("floor", *RANDOM, "two rounds", "ceiling")


def main() -> None:
    """Run the missing experiments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds (default: 0 1 2)")
    parser.add_argument("--budget", type=int, default=200, help="number of labels (default: %(default)s)")
    arguments = parser.parse_args()
    folder = make(arguments.folder.resolve())
    figures = folder / "figures.json"
    accuracies = json.loads(figures.read_text()) if figures.exists() else {}
    lay_out(folder)
    for seed in arguments.seeds:
        loop = Loop(folder, seed, arguments.budget)
        for arm in ARMS:
            if f"{seed} {arm}" not in accuracies:
                begun = time.perf_counter()
                model = loop.run(arm)
                accuracies[f"{seed} {arm}"] = {
                    kind: accuracy(model, folder / f"{kind}-test.csv") for kind in ("mono", "poly")
                }
                print(seed, arm, accuracies[f"{seed} {arm}"], f"{time.perf_counter() - begun:.0f} s", flush=True)
                figures.write_text(json.dumps(accuracies, indent=1))
    print_table(accuracies, arguments.seeds)


def lay_out(folder: Path) -> None:
    """Copy the pool, and write the data sets as CSV files: mono, full, and the held-out cells of each kind."""
    cells = list(read_cells())
    train, held_out = train_test_split(
        cells, test_size=0.25, stratify=[stratum for *_, stratum in cells], random_state=0
    )
    pool = of_kind(train, "poly")
    random.Random(0).shuffle(pool)
    for half, part in (("1", pool[::2]), ("2", pool[1::2])):
        for path, _, _ in part:
            if not (make(folder / "pool" / half) / path.name).exists():
                shutil.copy(path, folder / "pool" / half)
    write_csv(folder / "mono.csv", of_kind(train, "mono"), of_kind(held_out, "mono"))
    write_csv(folder / "full.csv", train, held_out)
    for kind in ("mono", "poly"):
        write_csv(folder / f"{kind}-test.csv", [], of_kind(held_out, kind))


def of_kind(cells: Iterable[Cell], kind: str) -> list[Cell]:
    """Return the cells of the kind `mono` or `poly`."""
    return [cell for cell in cells if cell[2].endswith(kind)]


def write_csv(path: Path, train: Iterable[Cell], test: Iterable[Cell]) -> None:
    """Write a data set."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        rows.writerows((cell[0], cell[1], split) for split, part in (("train", train), ("test", test)) for cell in part)


class Loop:
    """The models of one seed, in their own folder."""

    def __init__(self, folder: Path, seed: int, budget: int) -> None:
        self.root, self.folder, self.seed, self.budget = folder, make(folder / f"seed-{seed}"), seed, budget
        self.truth = {path.name: label for path, label, _ in read_cells()}

    def run(self, arm: str) -> Path:
        """Return the model of this arm; train it if it is missing."""
        for file in self.folder.glob(f"{arm}.db*"):  # left by an interrupted run
            file.unlink()
        floor = self.convert("floor", "mono.csv")  # the first model of the device
        if arm == "floor":
            return floor
        if arm == "ceiling":
            return self.convert(arm, "full.csv")
        if arm == "two rounds":
            return self.two_rounds()
        db = self.folder / f"{arm}.db"
        self.classify("pool", "floor", db)
        self.label(db, arm, self.budget, "--random-share", RANDOM[arm])
        return self.convert(arm, "mono.csv", db)

    def two_rounds(self) -> Path:
        """Harvest twice, the second time rows that the first retrained model wrote."""
        db, half = self.folder / "two rounds.db", self.budget // 2
        self.classify("pool/1", "floor", db)
        self.label(db, "round 1", half)
        self.convert("round 1", "mono.csv", db)
        self.classify("pool/2", "round 1", db)
        self.label(db, "round 2", self.budget - half, "--since", self.began)
        return self.convert("two rounds", "mono.csv", db)

    def convert(self, name: str, dataset: str, *reviews: Path) -> Path:
        """Train a head, write the int8 model and return it."""
        model = self.folder / f"{name}.tflite"
        if not model.exists():
            added = [option for db in reviews for option in ("--add-reviews", str(db))]
            options = ("--fine-tune", "none", "--seed", str(self.seed), "--max-drop", "1", *added)
            edgecls("convert", str(self.root / dataset), "-o", str(model), *options, may_fail=1)
        return model

    def classify(self, images: str, model: str, db: Path) -> None:
        """Store the model's answers to the images, and note the time of the start."""
        time.sleep(0.01)
        self.began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        edgecls("classify", str(self.root / images), "-m", str(self.folder / f"{model}.tflite"), "--db", str(db))

    def label(self, db: Path, name: str, budget: int, *options: str) -> None:
        """Harvest, move each image to the folder of its label, and import the labels."""
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        amount = ("--budget", str(budget), "--seed", str(self.seed))
        print(self.seed, edgecls("harvest", "--db", str(db), "--out", str(out), *amount, *options).strip(), flush=True)
        for picture in list(out.glob("*/*.png")):
            _, name_before = picture.name.split("-", 1)
            picture.rename(make(out / self.truth[name_before]) / picture.name)
        edgecls("harvest", "--db", str(db), "--import-labels", str(out))


def edgecls(*arguments: str, may_fail: int = 0) -> str:
    """Run a command and return its output. An exit code of `may_fail` is accepted too: duplicates are left out."""
    done = subprocess.run([sys.executable, "-m", "edgecls", *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in (0, may_fail):
        sys.exit(f"feedback_loop: edgecls {' '.join(arguments)}: {done.stderr.strip()}")
    print("".join(line for line in done.stderr.splitlines(keepends=True) if "at random" in line), end="", flush=True)
    return done.stdout


def accuracy(model: Path, dataset: Path) -> float:
    """Return the accuracy, 0 to 1, on the held-out images of a kind; the best label counts at any threshold."""
    return float(json.loads(edgecls("evaluate", str(dataset), "-m", str(model), "--format", "json"))["accuracy"])


def print_table(accuracies: dict[str, dict[str, float]], seeds: Iterable[int]) -> None:
    """Print the mean, minimum and maximum over the seeds, and the recovered share of the lost accuracy."""
    mean = {arm: statistics.mean(accuracies[f"{seed} {arm}"]["poly"] for seed in seeds) for arm in ARMS}
    print("\n| | polycrystalline | monocrystalline | recovered |\n| --- | --- | --- | --- |")
    for arm in ARMS:
        cells = [spread([accuracies[f"{seed} {arm}"][kind] for seed in seeds]) for kind in ("poly", "mono")]
        back = (mean[arm] - mean["floor"]) / (mean["ceiling"] - mean["floor"])
        print(f"| {arm} | {cells[0]} | {cells[1]} | {back:.0%} |")


def spread(values: list[float]) -> str:
    """Return the mean, minimum and maximum in percent."""
    return f"{statistics.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})"


if __name__ == "__main__":
    main()
