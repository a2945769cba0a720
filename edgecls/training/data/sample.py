"""One labelled image of a data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import from_os_error
from edgecls.training.data.archive import Member
from edgecls.training.data.npz import NpzRow, read_row
from edgecls.training.data.split_names import Split


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image. `split` is None until it is decided; samples of one `group` belong in one split.

    An image of an `.npz` file is its `row`, one of an archive its `member`, and its `path` only names it:
    `mnist.npz#x_train[17]`, `photos.zip/cat/1.jpg`.
    """

    path: Path
    label: str
    split: Split | None = None
    group: str | None = None
    row: NpzRow | None = None
    member: Member | None = None

    def read(self) -> bytes | NDArray[np.uint8]:
        """Return what `load_pixels` and `Classifier.classify` take: the file's bytes, or RGB pixels uint8 (height, width, 3).

        Raises InputNotFound and IoFailed where it cannot be read; BadImage where it is damaged in or missing from an archive;
        BadData where it is in an `.npz` that was changed.
        """
        if self.row:
            return read_row(self.row)
        if self.member:
            return self.member.read()
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise from_os_error(error, f"cannot read {self.path}") from error
