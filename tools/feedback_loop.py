"""What 200 labels of harvested images are worth: the loop from a device's rows to a better model, on solar cells.

    python tools/feedback_loop.py FOLDER [--seeds 0 1 2] [--budget 200]

ELPV (pip install 'edgecls[convert,demo]') has 2,624 photographs of monocrystalline and polycrystalline cells, told
apart in its labels.csv. A model that has seen only monocrystalline ones meets the others: its rows are harvested, the
images are labelled (by the truth: each is moved to its right folder), imported, and trained on, all by the commands
that anyone would use. The table shows the accuracy of the int8 models, as the device has it, on a quarter of the
photographs that is held out from everything, the same for all seeds; these vary the validation images, the weights, and
what chance draws.

    floor       trained on the monocrystalline cells only
    at random   with `budget` labels of polycrystalline cells more, all drawn by chance (--random-share 1); what
                `edgecls harvest` does by itself, for it sees that the answers have drifted
    half        half by chance, half what the model is unsure of (--random-share 0.5)
    two rounds  by the defaults: half of the labels from the first half of the cells; a model is trained on them, and runs
                on the second half; the other half of the labels from there
    ceiling     trained on all cells with all labels, of both kinds

FOLDER keeps models, databases and figures.json; what is there already is not made again.
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
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", type=int, default=200)
    arguments = parser.parse_args()
    folder = make(arguments.folder.resolve())
    figures = folder / "figures.json"
    found = json.loads(figures.read_text()) if figures.exists() else {}
    lay_out(folder)
    for seed in arguments.seeds:
        loop = Loop(folder, seed, arguments.budget)
        for arm in ARMS:
            if f"{seed} {arm}" not in found:
                begun = time.perf_counter()
                model = loop.run(arm)
                found[f"{seed} {arm}"] = {
                    kind: accuracy(model, folder / f"{kind}-test.csv") for kind in ("mono", "poly")
                }
                print(seed, arm, found[f"{seed} {arm}"], f"{time.perf_counter() - begun:.0f} s", flush=True)
                figures.write_text(json.dumps(found, indent=1))
    print_table(found, arguments.seeds)


def lay_out(folder: Path) -> None:
    """The pool, as files; and data sets as CSVs: mono, full, and for each kind what is held out."""
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
    """Those of `mono` or `poly`."""
    return [cell for cell in cells if cell[2].endswith(kind)]


def write_csv(path: Path, train: Iterable[Cell], test: Iterable[Cell]) -> None:
    """A data set."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        rows.writerows((cell[0], cell[1], split) for split, part in (("train", train), ("test", test)) for cell in part)


class Loop:
    """One seed's models, in a folder of their own."""

    def __init__(self, folder: Path, seed: int, budget: int) -> None:
        self.root, self.folder, self.seed, self.budget = folder, make(folder / f"seed-{seed}"), seed, budget
        self.truth = {path.name: label for path, label, _ in read_cells()}

    def run(self, arm: str) -> Path:
        """The model of this arm."""
        for file in self.folder.glob(f"{arm}.db*"):  # of a run that was cut off
            file.unlink()
        floor = self.convert("floor", "mono.csv")  # what runs on the device at first
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
        """The second harvest is of rows that the first retrained model has written."""
        db, half = self.folder / "two rounds.db", self.budget // 2
        self.classify("pool/1", "floor", db)
        self.label(db, "round 1", half)
        self.convert("round 1", "mono.csv", db)
        self.classify("pool/2", "round 1", db)
        self.label(db, "round 2", self.budget - half, "--since", self.began)
        return self.convert("two rounds", "mono.csv", db)

    def convert(self, name: str, dataset: str, *reviews: Path) -> Path:
        """Train a head, write and return the int8 model."""
        model = self.folder / f"{name}.tflite"
        if not model.exists():
            added = [option for db in reviews for option in ("--add-reviews", str(db))]
            options = ("--fine-tune", "none", "--seed", str(self.seed), "--max-drop", "1", *added)
            edgecls("convert", str(self.root / dataset), "-o", str(model), *options, may_fail=1)
        return model

    def classify(self, images: str, model: str, db: Path) -> None:
        """Log what the model says of the images; notes when that began."""
        time.sleep(0.01)
        self.began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        edgecls("classify", str(self.root / images), "-m", str(self.folder / f"{model}.tflite"), "--db", str(db))

    def label(self, db: Path, name: str, budget: int, *options: str) -> None:
        """Harvest, put each picture where it belongs, and read that back."""
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        amount = ("--budget", str(budget), "--seed", str(self.seed))
        print(self.seed, edgecls("harvest", "--db", str(db), "--out", str(out), *amount, *options).strip(), flush=True)
        for picture in list(out.glob("*/*.png")):
            _, name_before = picture.name.split("-", 1)
            picture.rename(make(out / self.truth[name_before]) / picture.name)
        edgecls("harvest", "--db", str(db), "--import-labels", str(out))


def edgecls(*arguments: str, may_fail: int = 0) -> str:
    """Run a command; what it prints. An exit code of `may_fail` is well too: copies are left out."""
    done = subprocess.run([sys.executable, "-m", "edgecls", *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in (0, may_fail):
        sys.exit(f"feedback_loop: edgecls {' '.join(arguments)}: {done.stderr.strip()}")
    print("".join(line for line in done.stderr.splitlines(keepends=True) if "at random" in line), end="", flush=True)
    return done.stdout


def accuracy(model: Path, dataset: Path) -> float:
    """Of the model on the held-out images of a kind, 0 to 1; the best guess counts, whatever its threshold."""
    return float(json.loads(edgecls("evaluate", str(dataset), "-m", str(model), "--format", "json"))["accuracy"])


def print_table(found: dict[str, dict[str, float]], seeds: Iterable[int]) -> None:
    """Means over the seeds with the least and the most, and the share of the lost accuracy that came back."""
    mean = {arm: statistics.mean(found[f"{seed} {arm}"]["poly"] for seed in seeds) for arm in ARMS}
    print("\n| | polycrystalline | monocrystalline | of the loss, back |\n| --- | --- | --- | --- |")
    for arm in ARMS:
        cells = [spread([found[f"{seed} {arm}"][kind] for seed in seeds]) for kind in ("poly", "mono")]
        back = (mean[arm] - mean["floor"]) / (mean["ceiling"] - mean["floor"])
        print(f"| {arm} | {cells[0]} | {cells[1]} | {back:.0%} |")


def spread(values: list[float]) -> str:
    """Mean, least and most, in percent."""
    return f"{statistics.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})"


if __name__ == "__main__":
    main()
