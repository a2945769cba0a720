"""The daemon's configuration: one TOML file, checked before anything starts."""

import re
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, PositiveInt, ValidationError, model_validator

from edgecls.addresses import looks_like_address
from edgecls.device.configuration.problems import explain, of_setting
from edgecls.device.configuration.settings import (
    CameraSettings,
    FolderSettings,
    PicameraSettings,
    RetentionSettings,
    SavedFramesSettings,
    Settings,
    VideoSettings,
    VoteSettings,
)
from edgecls.errors import BadConfig, InputNotFound, from_os_error
from edgecls.images.image_header import MAX_PIXELS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AnySource = Annotated[FolderSettings | CameraSettings | PicameraSettings | VideoSettings, Field(discriminator="type")]


class Config(Settings):
    """All settings of `edgecls run`. Relative paths are relative to the configuration file."""

    source: AnySource = Field(description="Where frames come from.")
    model: Path | None = Field(
        default=None,
        examples=["/var/lib/edgecls/model.tflite"],
        description="The model file; by default the ImageNet model that edgecls ships.",
    )
    labels: Path | None = Field(
        default=None,
        examples=["/var/lib/edgecls/labels.txt"],
        description="Label file for a model that carries none: a line for each output, in their order.",
    )
    input_range: Literal["0..255", "0..1", "-1..1"] | None = Field(
        default=None,
        examples=["0..1"],
        description="Pixel values that the float input of another tool's model takes, where its file does not say so.",
    )
    database: Path = Field(default=Path("results.db"), description="The SQLite database for the results.")
    device: str = Field(
        default_factory=socket.gethostname,
        examples=["garden-gate"],
        description="The name of this device in the results; by default the host's name.",
    )
    runtime: Literal["litert", "tflite-runtime"] | None = Field(
        default=None,
        examples=["litert"],
        description="What runs the network; by default what the environment variable EDGECLS_RUNTIME names, else the "
        "first that is installed.",
    )
    threads: PositiveInt | None = Field(
        default=None,
        examples=[2],
        description="Threads of one interpreter; by default 1, or for a camera one a core, at most 4. Set alone, there is "
        "one interpreter.",
    )
    interpreters: PositiveInt | None = Field(
        default=None,
        examples=[2],
        description="How many images are decoded and classified at a time, each by an interpreter of its own; by default "
        "one a core, at most 16. A camera has one.",
    )
    max_pixels: PositiveInt = Field(default=MAX_PIXELS, description="An image of more pixels is not decoded.")
    full_decode: bool = Field(
        default=False,
        description="Decode JPEGs much larger than the network's input in full, rather than at a half to an eighth of "
        "their size.",
    )
    top_k: PositiveInt = Field(default=5, description="How many of the best labels a row keeps.")

    vote: VoteSettings = Field(
        default=VoteSettings(), description="Rows from several frames, and fewer rows: for cameras."
    )
    saved_frames: SavedFramesSettings = Field(
        default=SavedFramesSettings(),
        description="Frames that are kept as JPEG files, in a folder beside the database.",
    )
    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long rows stay in the database.")

    @model_validator(mode="before")
    @classmethod
    def _folder_unless_said(cls, document: Any) -> Any:
        """A source without a type is a folder."""
        source = document.get("source") if isinstance(document, dict) else None
        return {**document, "source": {"type": "folder", **source}} if isinstance(source, dict) else document

    @model_validator(mode="after")
    def _device_is_a_name(self) -> "Config":
        """It is stored with every run."""
        if looks_like_address(self.device):
            raise of_setting("device", "is an address, and names this device in the results: write it below [source]")
        return self

    @model_validator(mode="after")
    def _every_file_has_a_row(self) -> "Config":
        if isinstance(self.source, FolderSettings) and (self.vote.votes > 1 or self.vote.cooldown_seconds):
            raise of_setting("vote", "is for cameras and videos, and of a folder every file has its row: remove [vote]")
        return self


def read_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises InputNotFound, IoFailed (unreadable), and BadConfig with all that is wrong, each with its line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFound(f"no configuration at {path}: write one, or name it with --config FILE") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    return parse_config(data, path)


def parse_config(data: bytes, path: Path) -> Config:
    """The configuration in `data`, which is, or would be, the content of `path`. Raises BadConfig."""
    try:
        text = data.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadConfig(f"{path}:{line}: is not UTF-8 text: save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadConfig(_syntax(str(error), text, path)) from error
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise BadConfig(*explain(error, Config, document, text, path)) from error
    return _anchored(config, path.resolve().parent)


def _syntax(said: str, text: str, path: Path) -> str:
    """The parser's complaint, with its line in front as all others have it."""
    found = re.search(r" \(at line (\d+), column (\d+)\)$", said)
    line = found[1] if found else text.count("\n") + 1
    written = text.split("\n")[int(line) - 1]
    if empty := re.fullmatch(r"\s*([\w.-]+)\s*=\s*(#.*)?", written):  # as the example has settings without a default
        return f"{path}:{line}: {empty[1]}: has no value: write one behind the =, or a # in front of the line"
    if re.match(r"Cannot (declare|overwrite)", said):  # as where the [source] of another kind is put beside the first
        return f"{path}:{line}: {written.strip()!r} is given twice: remove one, or put a # in front of its lines"
    what = f"{said[: found.start()]} in column {found[2]}" if found else said.removesuffix(" (at end of document)")
    return f"{path}:{line}: is not TOML: {what[:1].lower()}{what[1:]}: mend this line (texts stand in quotes)"


_S = TypeVar("_S", bound=Settings)
_RELATIVE_TO_ANOTHER = {"done_folder", "failed_folder"}  # to the folder that is watched


def _anchored(settings: _S, folder: Path) -> _S:
    """The same with absolute paths, in all sections."""
    changed: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            changed[name] = _anchored(value, folder)
        elif isinstance(value, Path) and name not in _RELATIVE_TO_ANOTHER:
            changed[name] = folder / value
    return settings.model_copy(update=changed)
