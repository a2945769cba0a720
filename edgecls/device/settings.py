"""What can be set about each part of the daemon: its sections of the configuration, with their defaults."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator
from typing_extensions import Self

from edgecls.device.file_frame import MAX_BYTES
from edgecls.preprocess import IMAGE_SUFFIXES


class Settings(BaseModel):
    """Of one part of the daemon: unknown names are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FolderSettings(Settings):
    """Images that appear in a folder."""

    type: Literal["folder"] = "folder"
    path: Path = Field(description="The folder to watch.")
    recursive: bool = Field(default=True, description="Look into sub-folders too.")
    patterns: tuple[str, ...] = Field(
        default=tuple(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES)),
        description="File names to take; case does not matter.",
    )
    settle_seconds: PositiveFloat = Field(
        default=2.0, description="A file that nobody was seen to close is whole when unchanged for this long."
    )
    poll_seconds: PositiveFloat = Field(
        default=30.0, description="Look this often even if the file system announces nothing."
    )
    after: Literal["keep", "move", "delete"] = Field(
        default="keep", description="What becomes of a file once its row is committed."
    )
    done_folder: Path = Field(
        default=Path("done"),
        description="Where `move` puts what was classified; relative to `path`. Never looked into for images.",
    )
    failed_folder: Path = Field(
        default=Path("failed"),
        description="Where `move` puts what could not be classified; relative to `path`. Never looked into for images.",
    )
    max_bytes: PositiveInt = Field(
        default=MAX_BYTES, description="A larger file is not read: its row says so. A file is held in memory whole."
    )
    until_idle: PositiveFloat | None = Field(
        default=None, description="Stop once nothing has arrived for this many seconds; by default never."
    )

    @model_validator(mode="after")
    def _folders_apart(self) -> Self:
        """What was moved away must not be where new files are looked for."""
        path = os.path.abspath(self.path)
        for name in ("done_folder", "failed_folder"):
            folder = os.path.abspath(self.path / getattr(self, name))
            if os.path.commonpath([path, folder]) == folder:
                raise ValueError(f"{name} may not be the watched folder or hold it: name another one")
        return self
