"""The daemon's configuration: one TOML file, checked before anything starts."""

import socket
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveInt, ValidationError

from edgecls.device.settings import FolderSettings, Settings
from edgecls.errors import BadConfig, NoInput, from_os_error
from edgecls.image_header import MAX_PIXELS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_PATH = Path("/etc/edgecls/edgecls.toml")


class Config(Settings):
    """All settings of `edgecls run`. Relative paths are relative to the configuration file."""

    source: FolderSettings = Field(description="Where frames come from.")
    model: Path | None = Field(
        default=None, description="The model file; by default the ImageNet model that edgecls ships."
    )
    database: Path = Field(default=Path("results.db"), description="The SQLite database for the results.")
    device: str = Field(default_factory=socket.gethostname, description="The name of this device in the results.")
    runtime: Literal["litert", "tflite-runtime"] | None = Field(
        default=None, description="What runs the network; by default the first that is installed."
    )
    threads: PositiveInt | None = Field(
        default=None, description="Threads for the network; by default one a core, at most 4."
    )
    max_pixels: PositiveInt = Field(default=MAX_PIXELS, description="An image of more pixels is not decoded.")
    top_k: PositiveInt = Field(default=5, description="How many of the best labels a row keeps.")


def read_config(path: Path) -> Config:
    """Read and check a configuration file. Raises NoInput, WriteFailed (unreadable) and BadConfig."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NoInput(f"no configuration at {path}: write one, or name it with --config FILE") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is not TOML: {error}") from error
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise BadConfig(f"{path}: " + "; ".join(_explain(problem) for problem in error.errors())) from error
    return _anchored(config, path.resolve().parent)


def _explain(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no such setting"
    return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _anchored(config: Config, folder: Path) -> Config:
    """The same with absolute paths."""
    source = config.source.model_copy(update={"path": folder / config.source.path})
    return config.model_copy(
        update={
            "source": source,
            "database": folder / config.database,
            "model": folder / config.model if config.model else None,
        }
    )
