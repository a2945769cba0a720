"""The configuration of the daemon: one TOML file, checked before anything starts."""

import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union

from pydantic import Field, ValidationError, model_validator

from edgecls.addresses import looks_like_address
from edgecls.device.configuration.problems import explain, setting_error
from edgecls.device.configuration.settings import (
    Bool,
    PositiveInt,
    RetentionSettings,
    SavedFramesSettings,
    Settings,
    VoteSettings,
)
from edgecls.device.configuration.source_settings import SOURCES, FolderSettings, SourceSettings
from edgecls.errors import BadConfig, InputNotFound, from_os_error
from edgecls.images.image_header import MAX_PIXELS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    AnySource = SourceSettings
else:
    AnySource = Annotated[Union[tuple(SOURCES)], Field(discriminator="type")]  # noqa: UP007  # a tuple has no `|`


class Config(Settings):
    """The settings of `edgecls run`. Relative paths are relative to the configuration file."""

    source: AnySource = Field(description="The source of the frames.")
    model: Path | None = Field(
        default=None,
        examples=["/var/lib/edgecls/model.tflite"],
        description="The model file. By default the ImageNet model that comes with edgecls.",
    )
    labels: Path | None = Field(
        default=None,
        examples=["/var/lib/edgecls/labels.txt"],
        description="Label file for a model without labels: one line for each output, in their order.",
    )
    input_range: Literal["0..255", "0..1", "-1..1"] | None = Field(
        default=None,
        examples=["0..1"],
        description="Range of the pixel values for a model of another tool with float input, if its file does not tell.",
    )
    database: Path = Field(default=Path("results.db"), description="The SQLite database for the results.")
    device: str = Field(
        default_factory=socket.gethostname,
        examples=["garden-gate"],
        description="Name of this device in the results. By default the host name.",
    )
    runtime: Literal["litert", "tflite-runtime"] | None = Field(
        default=None,
        examples=["litert"],
        description="Runtime of the model. By default the one in the environment variable EDGECLS_RUNTIME, or else the "
        "first one that is installed.",
    )
    threads: PositiveInt | None = Field(
        default=None,
        examples=[2],
        description="Threads of each interpreter. By default 1; for a camera one per core, at most 4. If only `threads` is "
        "set, there is one interpreter.",
    )
    interpreters: PositiveInt | None = Field(
        default=None,
        examples=[2],
        description="Number of images that are decoded and classified at the same time, each by its own interpreter. By "
        "default one per core, at most 16. A camera uses one.",
    )
    max_pixels: PositiveInt = Field(
        default=MAX_PIXELS, description="Size limit of an image. A larger one is not decoded."
    )
    full_decode: Bool = Field(
        default=False,
        description="Decode large JPEGs at full size. By default a JPEG much larger than the input of the model is decoded "
        "at 1/2 to 1/8 of its size.",
    )
    top_k: PositiveInt = Field(default=5, description="Number of labels with the highest scores that a row stores.")

    vote: VoteSettings = Field(
        default=VoteSettings(), description="Fewer rows, each decided by several frames. For cameras and videos."
    )
    saved_frames: SavedFramesSettings = Field(
        default=SavedFramesSettings(),
        description="Frames that are saved as JPEG files, in a folder next to the database.",
    )
    retention: RetentionSettings = Field(
        default=RetentionSettings(), description="Limits for the rows in the database."
    )

    @model_validator(mode="before")
    @classmethod
    def _default_source_type(cls, document: Any) -> Any:
        """Let a source without a type be a folder."""
        source = document.get("source") if isinstance(document, dict) else None
        return {**document, "source": {"type": "folder", **source}} if isinstance(source, dict) else document

    @model_validator(mode="after")
    def _device_is_a_name(self) -> "Config":
        """Reject an address, which may contain a password: the name is stored with every run."""
        if looks_like_address(self.device):
            raise setting_error("device", "must be a name, not an address: put the address below [source]")
        return self

    @model_validator(mode="after")
    def _every_file_has_a_row(self) -> "Config":
        if isinstance(self.source, FolderSettings) and (self.vote.votes > 1 or self.vote.cooldown_seconds):
            raise setting_error(
                "vote", "must not be set for a folder, in which each file has its own row: remove [vote]"
            )
        return self


def read_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises InputNotFound, IoFailed (unreadable), and BadConfig with all problems at once.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFound(f"no configuration file at {path}: create it, or set --config to another file") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    return parse_config(data, path)


def parse_config(data: bytes, path: Path) -> Config:
    """Return the configuration in `data`, the content of the file at `path`. Raises BadConfig."""
    try:
        text = data.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadConfig(f"{path}: invalid text at line {line}: save the file as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadConfig(f"{path}: {_syntax_error(str(error), text)}") from error
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise BadConfig(*explain(error, Config, document, path)) from error
    return _with_absolute_paths(config, path.resolve().parent)


def _syntax_error(message: str, text: str) -> str:
    """Return the message of the TOML library with its line in front."""
    lines = text.split("\n")
    position = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(position[1]) if position and position[1] else len(lines)
    if empty := re.fullmatch(r"\s*([\w.-]+)\s*=\s*(#.*)?", lines[line - 1]):  # uncommented from the example
        return f"invalid TOML at line {line}: {empty[1]} has no value: write one, or comment out the line"
    message = message[: position.start()] if position else message
    return f"invalid TOML at line {line}: {message[:1].lower()}{message[1:]}"


_S = TypeVar("_S", bound=Settings)
_RELATIVE_TO_INBOX = {"done_folder", "failed_folder"}


def _with_absolute_paths(settings: _S, folder: Path) -> _S:
    """Return the settings with absolute paths, in all sections."""
    changed: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            changed[name] = _with_absolute_paths(value, folder)
        elif isinstance(value, Path) and name not in _RELATIVE_TO_INBOX:
            changed[name] = folder / value
    return settings.model_copy(update=changed)
