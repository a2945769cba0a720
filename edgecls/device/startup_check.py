"""Check that the daemon could run with a configuration, without changing anything."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgecls.database.reading import open_results
from edgecls.device.configuration.config import AnySource, Config
from edgecls.device.configuration.source_settings import LiveSettings
from edgecls.device.parts import load_classifiers
from edgecls.device.saving.saved_frames import frames_folder
from edgecls.device.sources import open_source
from edgecls.errors import BadConfig, EdgeclsError, IoFailed, from_os_error
from edgecls.files import check_writable
from edgecls.inference.classifier import Classifier


class PartCheck(NamedTuple):
    """The result for one part of the daemon: a description, or what is wrong with it."""

    part: str
    description: str
    problems: tuple[str, ...] = ()


def check_startup(read_config: Callable[[], Config]) -> Iterator[PartCheck]:
    """Check configuration, model (its golden examples are replayed), database and source, in this order.

    If the configuration cannot be read, nothing else is checked.
    """
    try:
        config = read_config()
    except EdgeclsError as error:
        yield PartCheck("configuration", "", _problems(error))
        return
    yield PartCheck("configuration", "valid")
    yield _check("model", lambda: _describe_model(config))
    yield _check("database", lambda: check_storage(config))
    yield _check("source", lambda: check_source(config.source))


def check_reload(config: Config, current: Config) -> list[Classifier]:
    """Return the classifiers of a new configuration, if the daemon could go on with it. Raises EdgeclsError if not.

    What is open already is not checked again: the database and the source of the `current` configuration.
    """
    classifiers = load_classifiers(config)
    if (config.database, config.saved_frames) != (current.database, current.saved_frames):
        check_storage(config)
    if config.source != current.source and not isinstance(config.source, LiveSettings):
        check_source(config.source)  # not a camera: it may be the one that is open, and a lost one is waited for
    return classifiers


def check_storage(config: Config) -> str:
    """Raise if rows or saved frames could not be written, and return the path of the database. Nothing is changed."""
    _check_database(config.database)
    if config.saved_frames.keep != "none":
        folder = frames_folder(config.database)
        check_writable(folder / "frame.jpg" if folder.exists() else folder)
    return str(config.database)


def _check_database(path: Path) -> None:
    if not path.exists():
        check_writable(path)
        return
    open_results(path).close()
    if not os.access(path, os.W_OK):
        raise IoFailed(f"{path} is read-only: check owner, mode and mount, or name another file")
    check_writable(path.with_name(f"{path.name}.lock"))  # the daemon creates a lock there, and SQLite its log


def check_source(settings: AnySource) -> str:
    """Raise if no frame can come from the source; return its name."""
    source = open_source(settings)
    source.probe()
    return source.name


def _describe_model(config: Config) -> str:
    model = load_classifiers(config)[0].model
    return f"{model.name}, self-test passed ({len(model.golden)} golden examples)"


def _check(part: str, check: Callable[[], str]) -> PartCheck:
    try:
        return PartCheck(part, check())
    except EdgeclsError as error:
        return PartCheck(part, "", _problems(error))
    except OSError as error:
        return PartCheck(part, "", (str(from_os_error(error, f"cannot use {error.filename or 'a file'}")),))


def _problems(error: EdgeclsError) -> tuple[str, ...]:
    return error.problems if isinstance(error, BadConfig) else (str(error),)
