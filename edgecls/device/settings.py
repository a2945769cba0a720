"""What can be set about each part of the daemon: its sections of the configuration, with their defaults."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

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
    until_idle: PositiveFloat | None = Field(
        default=None, description="Stop once nothing has arrived for this many seconds; by default never."
    )
