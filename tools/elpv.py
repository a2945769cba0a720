"""Lay out the ELPV data set for the demo, from the package elpv-dataset (CC BY-NC-SA 4.0; downloaded, never shipped).

    python tools/elpv.py FOLDER [--seed N]

2,624 electroluminescence photographs of solar cells. A cell whose defect probability is at least 0.5 is `defective`.
A quarter is held out, stratified by probability and type of cell. No training step uses it.

    FOLDER/cells/{defective,functional}/      all photographs
    FOLDER/splits.csv                         the split of each: `train` or `test`
    FOLDER/held-out/{defective,functional}/   copies of the split `test`, to be put into the inbox
    FOLDER/inbox/                             empty: the folder that the daemon watches
    FOLDER/edgecls.toml                       the configuration of the daemon
"""

import argparse
import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import elpv_dataset
from sklearn.model_selection import train_test_split

CONFIG = """\
model = "cells.tflite"
database = "results.db"

[source]
type = "folder"
path = "inbox"
"""


def main() -> None:
    """Split the photographs and copy them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="seed of the split (default: %(default)s)")
    arguments = parser.parse_args()
    cells = list(read_cells())
    train, held_out = train_test_split(
        cells, test_size=0.25, stratify=[stratum for *_, stratum in cells], random_state=arguments.seed
    )
    with (make(arguments.folder) / "splits.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "class", "split"))
        for split, part in (("train", train), ("test", held_out)):
            for path, label, _ in part:
                shutil.copy(path, make(arguments.folder / "cells" / label))
                rows.writerow((f"{label}/{path.name}", label, split))
    for path, label, _ in held_out:
        shutil.copy(path, make(arguments.folder / "held-out" / label))
    make(arguments.folder / "inbox")
    (arguments.folder / "edgecls.toml").write_text(CONFIG)
    print(f"{arguments.folder}: {len(train)} photographs to train on, {len(held_out)} held out")


def make(folder: Path) -> Path:
    """Create the folder if it is missing, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_cells() -> Iterator[tuple[Path, str, str]]:
    """Yield (file, label, stratum) of each photograph; a stratum is the probability with the type of cell."""
    root = Path(elpv_dataset.__file__).parent / "data"
    with (root / "labels.csv").open(newline="") as file:
        for row in csv.reader(file, delimiter=" ", skipinitialspace=True):
            name, probability, kind = row[:3]
            label = "defective" if float(probability) >= 0.5 else "functional"
            yield root / name, label, f"{float(probability):.2f} {kind}"


if __name__ == "__main__":
    main()
