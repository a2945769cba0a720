"""The sections of the configuration that are not about a source, with their settings and defaults."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgecls.addresses import looks_like_address
from edgecls.device.configuration.problems import setting_error

# Strict: true is not the number 1, and 1 and "yes" are not true.
Bool = Annotated[bool, Field(strict=True)]
PositiveInt = Annotated[int, Field(strict=True, gt=0)]
NonNegativeInt = Annotated[int, Field(strict=True, ge=0)]
PositiveFloat = Annotated[float, Field(strict=True, gt=0)]
NonNegativeFloat = Annotated[float, Field(strict=True, ge=0)]


class Settings(BaseModel):
    """A section of the configuration. Unknown settings are an error, and values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _check_strings(cls, data: Any) -> Any:
        """Reject empty strings, and addresses in place of paths.

        An empty path would be the folder of the configuration file. Paths are shown, stored and logged in full, so an
        address, which may contain a password, must not pass as one.
        """
        for name, field in cls.model_fields.items() if isinstance(data, dict) else ():
            value = data.get(name)
            if isinstance(value, str) and not value.strip():
                raise setting_error(name, "must not be empty: write a value, or comment out the line")
            if Path in (field.annotation, *get_args(field.annotation)) and looks_like_address(str(value)):
                raise setting_error(
                    name, 'must be a path, not an address: for a stream set type = "camera" and device = "ADDRESS"'
                )
        return data


class VoteSettings(Settings):
    """Fewer rows, each decided by several frames. For cameras and videos."""

    votes: PositiveInt = Field(
        default=1, description="Number of frames that decide one row. It gets the label that most of them have."
    )
    within_seconds: PositiveFloat | None = Field(
        default=None,
        examples=[5.0],
        description="Time limit of a vote, in seconds. It is then decided by the frames that came. By default there is "
        "none. Set one together with a motion gate.",
    )
    cooldown_seconds: NonNegativeFloat = Field(
        default=0.0, description="After a row, the same label gets no other row for this many seconds."
    )


class SavedFramesSettings(Settings):
    """Frames that are saved as JPEG files next to the database, with their path in the row."""

    keep: Literal["none", "unknown", "changed", "all"] = Field(
        default="none",
        description="Which frames to save: none; those labelled unknown; those whose label differs from the one before; "
        "all.",
    )
    quality: int = Field(default=90, strict=True, ge=1, le=100, description="JPEG quality, 1 to 100.")
    max_bytes: PositiveInt = Field(
        default=1_000_000_000, description="Total size limit in bytes. The oldest files are deleted first."
    )
    max_days: PositiveInt | None = Field(
        default=None, examples=[90], description="Age limit in days. Older files are deleted. By default there is none."
    )
    best_per_label: NonNegativeInt = Field(
        default=10,
        description="Number of files for each label, those with the highest scores, that are kept beyond the age limit, and "
        "within max_bytes are deleted last.",
    )


class RetentionSettings(Settings):
    """Limits for the rows in the database."""

    rows_days: PositiveInt | None = Field(
        default=None, examples=[365], description="Age limit in days. Older rows are deleted. By default there is none."
    )
    rows_most: PositiveInt | None = Field(
        default=None,
        examples=[1_000_000],
        description="Maximum number of rows. The oldest are deleted first. By default there is none.",
    )
