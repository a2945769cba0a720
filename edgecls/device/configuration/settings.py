"""What can be set about each part of the daemon: its sections of the configuration, with their defaults."""

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)

from edgecls.addresses import looks_like_address, problem_of_stream, show_address
from edgecls.device.configuration.problems import of_setting
from edgecls.images.file_frame import MAX_BYTES


class Settings(BaseModel):
    """Of one part of the daemon: unknown names are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _texts_are_not_empty(cls, data: Any) -> Any:
        """Refuse an empty text, which as a path would be the folder of the configuration file."""
        if isinstance(data, dict):
            for name in cls.model_fields:
                if isinstance(value := data.get(name), str) and not value.strip():
                    raise of_setting(name, "is empty: write a value between the quotes, or a # in front of the line")
        return data

    @model_validator(mode="after")
    def _paths_are_no_addresses(self) -> "Settings":
        """Refuse an address where a path is meant: paths are shown, stored and logged in full."""
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), Path) and looks_like_address(str(value)):
                raise of_setting(
                    name, 'is an address and not a path: a stream is read with type = "camera", its address in device'
                )
        return self


class FolderSettings(Settings):
    """Images that appear in a folder."""

    type: Literal["folder"] = "folder"
    path: Path = Field(examples=["/srv/inbox"], description="The folder to watch.")
    recursive: bool = Field(default=True, description="Look into sub-folders too.")
    patterns: tuple[str, ...] | None = Field(
        default=None,
        description="File names to take, as globs; case does not matter. By default all images: files with a suffix "
        "of one, and files without a suffix that begin like one.",
        examples=[("*.jpg", "cam1_*.png")],
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description="Files and folders not to take, as globs; case does not matter. One with a / is compared with the "
        "path below the folder, another one with the name. Folders that file servers and desktops make (@eaDir, "
        "#recycle, $RECYCLE.BIN, lost+found) are never looked into.",
    )
    settle_seconds: PositiveFloat = Field(
        default=2.0, description="A file that nobody was seen to close is whole when unchanged for this long."
    )
    incomplete_seconds: NonNegativeFloat = Field(
        default=60.0,
        description="An image whose end is missing waits this long, unchanged, for the rest of it: an upload that broke "
        "off may be resumed. Then its row says what is wrong.",
    )
    poll_seconds: PositiveFloat = Field(
        default=30.0, description="Look this often even if the file system announces nothing."
    )
    after: Literal["keep", "move", "delete"] = Field(
        default="keep",
        description="What becomes of a file that was classified, once its row is committed. One that could not be "
        "classified is never deleted.",
    )
    done_folder: Path = Field(
        default=Path("done"),
        description="Where `move` puts what was classified; relative to `path`. Never looked into for images.",
    )
    failed_folder: Path = Field(
        default=Path("failed"),
        description="Where `move` and `delete` put what could not be classified; relative to `path`. Never looked into "
        "for images.",
    )
    max_bytes: PositiveInt = Field(
        default=MAX_BYTES, description="A larger file is not read: its row says so. A file is held in memory whole."
    )
    until_idle: PositiveFloat | None = Field(
        default=None,
        examples=[60.0],
        description="Stop once nothing has arrived for this many seconds; by default never.",
    )

    @model_validator(mode="after")
    def _folders_apart(self) -> "FolderSettings":
        """What was moved away must not be where new files are looked for."""
        path = os.path.abspath(self.path)
        for name in ("done_folder", "failed_folder"):
            folder = os.path.abspath(self.path / getattr(self, name))
            if os.path.commonpath([path, folder]) == folder:
                raise of_setting(name, "may not be the watched folder or hold it: name another one")
        return self


class Region(Settings):
    """A part of the picture, in shares of its upright width and height, so that it means the same at any resolution."""

    x: float = Field(default=0.0, ge=0, lt=1, description="Left edge, as a share of the width.")
    y: float = Field(default=0.0, ge=0, lt=1, description="Upper edge, as a share of the height.")
    width: float = Field(default=1.0, gt=0, le=1, description="Width, as a share of the width.")
    height: float = Field(default=1.0, gt=0, le=1, description="Height, as a share of the height.")

    @model_validator(mode="after")
    def _is_inside(self) -> "Region":
        if self.x + self.width > 1 + 1e-9 or self.y + self.height > 1 + 1e-9:
            raise ValueError("the region leaves the picture: x + width and y + height are at most 1")
        return self


class MotionSettings(Settings):
    """Frames in which nothing moves are not classified. The table being there switches it on."""

    method: Literal["mog2", "knn"] = Field(
        default="mog2", description="OpenCV's background subtraction: mixture of Gaussians, or k nearest neighbours."
    )
    threshold: float = Field(
        default=0.01, gt=0, lt=1, description="Share of the picture that must differ from the background."
    )
    history_frames: PositiveInt = Field(
        default=500, description="What stands still for about so many frames becomes background."
    )
    warm_up_frames: NonNegativeInt = Field(
        default=25, description="So many frames teach the background first; none of them is classified."
    )


class ViewSettings(Settings):
    """What of a moving picture is classified, and when."""

    rotation: Literal[0, 90, 180, 270] = Field(
        default=0, description="Degrees by which to turn the picture clockwise, so that it is upright."
    )
    region: Region = Field(default=Region(), description="The part of the upright picture that is classified.")
    motion: MotionSettings | None = Field(default=None, description="Motion gate; by default every frame passes.")


class LiveSettings(ViewSettings):
    """A camera of any kind: the newest frame is classified, older ones are dropped."""

    width: PositiveInt | None = Field(
        default=None,
        examples=[1280],
        description="Picture width to ask for, in pixels; by default the camera's own choice.",
    )
    height: PositiveInt | None = Field(
        default=None,
        examples=[720],
        description="Picture height to ask for, in pixels; by default the camera's own choice.",
    )
    fps: PositiveFloat | None = Field(
        default=None, examples=[10.0], description="Frames a second to ask for; by default the camera's own choice."
    )
    interval_seconds: NonNegativeFloat = Field(
        default=0.0, description="Time between two frames that are classified; 0 is as fast as they are classified."
    )
    stall_seconds: PositiveFloat = Field(
        default=10.0, description="A camera that gives no frame for this long is lost, and is opened again."
    )
    reconnect_max_seconds: PositiveFloat = Field(
        default=60.0, description="A lost camera is tried after 1 s, 2 s, 4 s and so on, and at last this often."
    )

    @model_validator(mode="after")
    def _has_both_sides(self) -> "LiveSettings":
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together: set both, or neither")
        return self


class CameraSettings(LiveSettings):
    """A V4L2 camera (USB, most capture cards), or a stream from the network."""

    type: Literal["camera"] = "camera"
    device: NonNegativeInt | str = Field(
        default=0,
        repr=False,
        description="Index or path of a V4L2 device (0, /dev/video0, /dev/v4l/by-id/...), or an rtsp:// or http:// "
        "address, with user and password in it where it wants them.",
    )
    name: str | None = Field(
        default=None,
        pattern=r"^[\w.-][\w .-]{0,63}$",
        examples=["gate"],
        description="What results and log call this camera, of letters, digits, blanks, `.`, `_` and `-`; by default its "
        "device, or scheme, host and port of its address.",
    )
    pixel_format: str = Field(
        default="YUYV",
        pattern=r"^[ -~]{4}$",
        description="V4L2 pixel format: YUYV, or MJPG for high resolutions over USB 2; `v4l2-ctl --list-formats` "
        "says what a device has.",
    )

    @property
    def is_stream(self) -> bool:
        """Whether `device` is an address."""
        return isinstance(self.device, str) and not os.path.normpath(self.device).startswith("/dev/")

    @property
    def public_device(self) -> str:
        """`device` as a log or a database may name it: of an address scheme, host and port alone."""
        return show_address(str(self.device)) if self.is_stream else str(self.device)

    @field_serializer("device", when_used="json")
    def _hide_password(self, device: int | str) -> int | str:
        """The configuration is kept with every run."""
        return self.public_device if self.is_stream else device

    @model_validator(mode="after")
    def _is_a_camera(self) -> "CameraSettings":
        """Refuse what is neither, and would be shown as if it were a path. Its value stays out of the message."""
        device = str(self.device)
        if self.is_stream and "://" not in device:
            raise of_setting(
                "device", "is neither a V4L2 device (0, /dev/video0) nor an address (rtsp://..., http://...): change it"
            )
        problem = problem_of_stream(device) if self.is_stream else None
        if problem or (not self.is_stream and looks_like_address(device)):
            raise of_setting("device", problem or "is not a path of a V4L2 device: write /dev/video0, or an address")
        return self

    @model_validator(mode="after")
    def _asks_only_devices(self) -> "CameraSettings":
        asked = {"width", "height", "fps", "pixel_format"} & self.model_fields_set
        if self.is_stream and asked:
            raise ValueError(f"a stream comes as it is: remove {', '.join(sorted(asked))}")
        return self


class PicameraSettings(LiveSettings):
    """A Raspberry Pi's CSI camera, through picamera2 (Debian package python3-picamera2)."""

    type: Literal["picamera"] = "picamera"
    camera: NonNegativeInt = Field(
        default=0, description="Number of the camera, as `rpicam-hello --list-cameras` says."
    )


class VideoSettings(ViewSettings):
    """A video file: each frame once, also over restarts; ends with the file."""

    type: Literal["video"] = "video"
    path: Path = Field(examples=["/srv/video.mp4"], description="The video file.")
    pace: Literal["fast", "real"] = Field(
        default="fast", description="As fast as frames are classified, or no faster than the video plays."
    )
    every_nth: PositiveInt = Field(default=1, description="Take the first of every so many frames.")
    started: datetime | None = Field(
        default=None,
        examples=["2026-11-24T08:00:00+01:00"],
        description="When the recording began; a time without a zone is the device's local time. By default what the file "
        "says, or else its time of modification less its length.",
    )

    @field_validator("started", mode="wrap")
    @classmethod
    def _is_a_time(cls, value: object, parse: ValidatorFunctionWrapHandler) -> datetime:
        """Refuse plain numbers, which pydantic takes for seconds since 1970."""
        with contextlib.suppress(ValidationError):
            started = None if re.fullmatch(r"[\d.+-]+", str(value)) else parse(value)
            if isinstance(started, datetime) and 1900 <= started.year <= 9000:
                return started
        raise ValueError("is not a time: write it as 2026-11-24T08:00:00+01:00")


class VoteSettings(Settings):
    """Rows from several frames, and fewer rows: for cameras."""

    votes: PositiveInt = Field(
        default=1, description="So many frames are classified for one row, which gets the label most of them have."
    )
    within_seconds: PositiveFloat | None = Field(
        default=None,
        examples=[5.0],
        description="A vote takes no longer than this, and then counts the frames that came; by default it waits. "
        "To be set with a motion gate.",
    )
    cooldown_seconds: NonNegativeFloat = Field(
        default=0.0, description="A label that has just made a row makes no other for this long."
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
    max_days: PositiveInt | None = Field(
        default=None, examples=[90], description="Older files go; by default none for their age."
    )
    best_per_label: NonNegativeInt = Field(
        default=10,
        description="So many of each label, those with the highest score, outlive both limits while max_bytes allows.",
    )


class RetentionSettings(Settings):
    """How long rows stay in the database."""

    rows_days: PositiveInt | None = Field(
        default=None, examples=[365], description="Older rows are removed; by default never."
    )
    rows_most: PositiveInt | None = Field(
        default=None, examples=[1_000_000], description="Only so many rows are kept, the newest; by default all."
    )
