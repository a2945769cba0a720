"""What can be set about each part of the daemon: its sections of the configuration, with their defaults."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

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


class SavedFramesSettings(Settings):
    """Frames that are kept as JPEG files, beside the database, with their path in the row."""

    keep: Literal["none", "unknown", "changed", "all"] = Field(
        default="none",
        description="Which frames: none; those labelled unknown; those whose label differs from the one before; all.",
    )
    quality: int = Field(default=90, ge=1, le=100, description="Of the JPEG files.")
    max_bytes: PositiveInt = Field(
        default=1_000_000_000, description="The files take no more than this; when they would, the oldest go first."
    )
    max_days: PositiveInt | None = Field(default=None, description="Older files go; by default none for their age.")
    best_per_label: NonNegativeInt = Field(
        default=10,
        description="So many of each label, those with the highest score, outlive both limits while max_bytes allows.",
    )


class RetentionSettings(Settings):
    """How long rows stay in the database."""

    rows_days: PositiveInt | None = Field(default=None, description="Older rows are removed; by default never.")
    rows_most: PositiveInt | None = Field(
        default=None, description="Only so many rows are kept, the newest; by default all."
    )
