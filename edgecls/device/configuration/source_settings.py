"""The sections of the sources, and the table of all sources."""

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)

from edgecls.addresses import looks_like_address, show_address, stream_problem
from edgecls.device.configuration.problems import setting_error
from edgecls.device.configuration.settings import (
    Bool,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Settings,
)
from edgecls.images.file_frame import MAX_BYTES


class SourceSettings(Settings):
    """The section of a source.

    `is_live`: the next frame is newer the later it is asked for, so each frame has its row before the next is asked for.
    `is_replayed`: a restart delivers the same frames again, and their times are not those of the clock.
    """

    type: str

    @property
    def source_name(self) -> str:
        """The name of the source in results and logs. It shows no password."""
        raise NotImplementedError

    @property
    def is_live(self) -> bool:
        """See the class."""
        return False

    @property
    def is_replayed(self) -> bool:
        """See the class."""
        return False


class FolderSettings(SourceSettings):
    """Images that arrive in a folder."""

    type: Literal["folder"] = "folder"
    path: Path = Field(examples=["/srv/inbox"], description="The folder to watch.")
    recursive: Bool = Field(default=True, description="Include sub-folders.")
    patterns: tuple[str, ...] | None = Field(
        default=None,
        description="Globs of the file names to classify; case does not matter. By default all images: files with the "
        "suffix of an image, and files without a suffix that begin like an image.",
        examples=[("*.jpg", "cam1_*.png")],
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description="Globs of files and folders to skip; case does not matter. A glob with a / is compared with the path "
        "below the folder, any other with the name. Folders of file servers and desktops (@eaDir, #recycle, "
        "$RECYCLE.BIN, lost+found) are always skipped.",
    )
    settle_seconds: PositiveFloat = Field(
        default=2.0,
        description="A file is whole when its writer has closed it, or when it has not changed for this many seconds.",
    )
    incomplete_seconds: NonNegativeFloat = Field(
        default=60.0,
        description="An image whose end is missing waits until it has not changed for this many seconds, because an upload "
        "that broke off may be resumed. Then it gets a row with an error.",
    )
    poll_seconds: PositiveFloat = Field(
        default=30.0,
        description="Interval between two scans of the folder. They find files that the file system did not announce.",
    )
    after: Literal["keep", "move", "delete"] = Field(
        default="keep",
        description="What to do with a file once its row is committed: keep, move or delete it. A file that could not be "
        "classified is never deleted.",
    )
    done_folder: Path = Field(
        default=Path("done"),
        description="Folder to which `move` moves classified files; relative to `path`. Its files are not classified.",
    )
    failed_folder: Path = Field(
        default=Path("failed"),
        description="Folder to which `move` and `delete` move files that could not be classified; relative to `path`. Its "
        "files are not classified.",
    )
    max_bytes: PositiveInt = Field(
        default=MAX_BYTES,
        description="Size limit of a file in bytes. A larger file is not read and gets a row with an error. Files are read "
        "into memory whole.",
    )
    until_idle: PositiveFloat | None = Field(
        default=None,
        examples=[60.0],
        description="Stop when no file has arrived for this many seconds. By default never.",
    )

    @property
    def source_name(self) -> str:
        """See `SourceSettings.source_name`."""
        return f"folder:{self.path}"

    @model_validator(mode="after")
    def _moves_out_of_the_inbox(self) -> "FolderSettings":
        """Reject a destination in which moved files would be found as new ones."""
        path = os.path.abspath(self.path)
        for name in ("done_folder", "failed_folder"):
            folder = os.path.abspath(self.path / getattr(self, name))
            if os.path.commonpath([path, folder]) == folder:
                raise setting_error(name, "must not be the watched folder or contain it: set another folder")
        return self


class Region(Settings):
    """The part of the upright picture to classify, in shares of its width and height, 0 to 1."""

    x: float = Field(default=0.0, strict=True, ge=0, lt=1, description="Left edge.")
    y: float = Field(default=0.0, strict=True, ge=0, lt=1, description="Upper edge.")
    width: float = Field(default=1.0, strict=True, gt=0, le=1, description="Width.")
    height: float = Field(default=1.0, strict=True, gt=0, le=1, description="Height.")

    @model_validator(mode="after")
    def _is_inside(self) -> "Region":
        if self.x + self.width > 1 + 1e-9 or self.y + self.height > 1 + 1e-9:
            raise ValueError("the region exceeds the picture: x + width and y + height must be at most 1")
        return self


class MotionSettings(Settings):
    """Frames without motion are not classified. The section switches the motion gate on."""

    method: Literal["mog2", "knn"] = Field(
        default="mog2", description="Background subtraction of OpenCV: mixture of Gaussians, or k nearest neighbours."
    )
    threshold: float = Field(
        default=0.01,
        strict=True,
        gt=0,
        lt=1,
        description="Share of the picture that must differ from the background, 0 to 1.",
    )
    history_frames: PositiveInt = Field(
        default=500, description="Number of frames after which a still object becomes background, approximately."
    )
    warm_up_frames: NonNegativeInt = Field(
        default=25,
        description="Number of frames at the start that are used to learn the background, and not classified.",
    )


class ViewSettings(SourceSettings):
    """The section of a camera or video: which part of its pictures is classified, and when."""

    rotation: Literal[0, 90, 180, 270] = Field(
        default=0, description="Degrees by which to rotate the picture clockwise, so that it is upright."
    )
    region: Region = Field(
        default=Region(),
        description="The part of the upright picture to classify, in shares of its width and height, 0 to 1.",
    )
    motion: MotionSettings | None = Field(default=None, description="Motion gate. By default every frame passes.")


class LiveSettings(ViewSettings):
    """The section of a camera: the newest frame is classified, and older ones are dropped."""

    width: PositiveInt | None = Field(
        default=None,
        examples=[1280],
        description="Picture width to request, in pixels. By default the camera chooses.",
    )
    height: PositiveInt | None = Field(
        default=None,
        examples=[720],
        description="Picture height to request, in pixels. By default the camera chooses.",
    )
    fps: PositiveFloat | None = Field(
        default=None, examples=[10.0], description="Frames per second to request. By default the camera chooses."
    )
    interval_seconds: NonNegativeFloat = Field(
        default=0.0, description="Minimum time between two classified frames. 0 classifies as fast as possible."
    )
    stall_seconds: PositiveFloat = Field(
        default=10.0, description="A camera that delivers no frame for this many seconds is lost, and is opened again."
    )
    reconnect_max_seconds: PositiveFloat = Field(
        default=60.0,
        description="Longest delay before a lost camera is tried again. The delays are 1 s, 2 s, 4 s and so on.",
    )

    @property
    def is_live(self) -> bool:
        """See `SourceSettings`."""
        return True

    @model_validator(mode="after")
    def _has_both_sides(self) -> "LiveSettings":
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height must be set together: set both, or neither")
        return self


class CameraSettings(LiveSettings):
    """A V4L2 camera (USB, most capture cards), or a network stream."""

    type: Literal["camera"] = "camera"
    device: NonNegativeInt | str = Field(
        default=0,
        repr=False,
        description="Index or path of a V4L2 device (0, /dev/video0, /dev/v4l/by-id/...), or an rtsp:// or http:// "
        "address, with user and password if the camera requires them.",
    )
    name: str | None = Field(
        default=None,
        pattern=r"^[\w.-][\w .-]{0,63}$",
        examples=["gate"],
        description="Name of the camera in results and logs: letters, digits, spaces, `.`, `_` and `-`. By default its "
        "device, or scheme, host and port of its address.",
    )
    pixel_format: str = Field(
        default="YUYV",
        pattern=r"^[ -~]{4}$",
        description="V4L2 pixel format: YUYV, or MJPG for high resolutions over USB 2. `v4l2-ctl --list-formats` lists "
        "the formats of a device.",
    )

    @property
    def source_name(self) -> str:
        """See `SourceSettings.source_name`."""
        return f"camera:{self.name or self.public_device}"

    @property
    def is_stream(self) -> bool:
        """Tell whether `device` is an address."""
        return isinstance(self.device, str) and not os.path.normpath(self.device).startswith("/dev/")

    @property
    def public_device(self) -> str:
        """The device as logs and databases may show it: of an address only scheme, host and port."""
        return show_address(str(self.device)) if self.is_stream else str(self.device)

    @field_serializer("device", when_used="json")
    def _hide_password(self, device: int | str) -> int | str:
        """Hide the password: the configuration is stored with every run."""
        return self.public_device if self.is_stream else device

    @model_validator(mode="after")
    def _is_a_camera(self) -> "CameraSettings":
        """Reject anything but a device or an address, without its value in the message: it may hold a password."""
        device = str(self.device)
        if self.is_stream and "://" not in device:
            raise setting_error(
                "device", "must be a V4L2 device (0, /dev/video0) or an address (rtsp://..., http://...)"
            )
        problem = stream_problem(device) if self.is_stream else None
        if problem or (not self.is_stream and looks_like_address(device)):
            raise setting_error("device", problem or "must be the path of a V4L2 device (/dev/video0) or an address")
        return self

    @model_validator(mode="after")
    def _requests_nothing_of_streams(self) -> "CameraSettings":
        requested = {"width", "height", "fps", "pixel_format"} & self.model_fields_set
        if self.is_stream and requested:
            raise ValueError(f"the format of a stream cannot be chosen: remove {', '.join(sorted(requested))}")
        return self


class PicameraSettings(LiveSettings):
    """The CSI camera of a Raspberry Pi, through picamera2 (Debian package python3-picamera2)."""

    type: Literal["picamera"] = "picamera"
    camera: NonNegativeInt = Field(
        default=0, description="Number of the camera, as listed by `rpicam-hello --list-cameras`."
    )

    @property
    def source_name(self) -> str:
        """See `SourceSettings.source_name`."""
        return f"picamera:{self.camera}"


class VideoSettings(ViewSettings):
    """A video file: each frame once, even after a restart. Ends with the file."""

    type: Literal["video"] = "video"
    path: Path = Field(examples=["/srv/video.mp4"], description="The video file.")
    pace: Literal["fast", "real"] = Field(
        default="fast",
        description="`fast`: as fast as frames are classified. `real`: at most as fast as the video plays.",
    )
    every_nth: PositiveInt = Field(default=1, description="Classify the first of every N frames.")
    started: datetime | None = Field(
        default=None,
        examples=["2026-11-24T08:00:00+01:00"],
        description="Start of the recording; a time without a zone is the device's local time. By default the time in the "
        "file, or else its time of modification minus its length.",
    )

    @property
    def source_name(self) -> str:
        """See `SourceSettings.source_name`."""
        return f"video:{self.path}"

    @property
    def is_live(self) -> bool:
        """See `SourceSettings`."""
        return self.pace == "real"

    @property
    def is_replayed(self) -> bool:
        """See `SourceSettings`."""
        return True

    @field_validator("started", mode="wrap")
    @classmethod
    def _is_a_time(cls, value: object, parse: ValidatorFunctionWrapHandler) -> datetime:
        """Reject plain numbers, which pydantic would take as seconds since 1970."""
        with contextlib.suppress(ValidationError):
            started = None if re.fullmatch(r"[\d.+-]+", str(value)) else parse(value)
            if isinstance(started, datetime) and 1900 <= started.year <= 9000:
                return started
        raise ValueError("must be a time such as 2026-11-24T08:00:00+01:00")


SOURCES: dict[type[SourceSettings], str] = {
    FolderSettings: "edgecls.device.sources.folder:FolderSource",
    CameraSettings: "edgecls.device.sources.camera:CameraSource",
    PicameraSettings: "edgecls.device.sources.picamera:PicameraSource",
    VideoSettings: "edgecls.device.sources.video:VideoSource",
}
"""The settings of each type of source -> "module:class" of the source, which is constructed with them."""
