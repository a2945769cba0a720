"""Would the daemon start? Each of its parts is tried, and nothing is changed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgecls.device.configuration.config import Config
from edgecls.device.parts import load
from edgecls.device.sources import open_source
from edgecls.errors import BadConfig, EdgeclsError, from_os_error


class Finding(NamedTuple):
    """About one part: what it is, and what is wrong with it (nothing: it is right)."""

    part: str
    what: str
    problems: tuple[str, ...] = ()


def check(read: Callable[[], Config], check_database: Callable[[Path], None]) -> Iterator[Finding]:
    """Try configuration, model (its golden examples are replayed), database and source, in this order.

    Without a configuration there is nothing more to try. `check_database` raises where the file at a path is, or
    would be, no database that the daemon can write.
    """
    try:
        config = read()
    except EdgeclsError as error:
        yield Finding("configuration", "", _problems(error))
        return
    yield Finding("configuration", "is right")
    yield _tried("model", lambda: _model(config))
    yield _tried("database", lambda: _database(config.database, check_database))
    yield _tried("source", lambda: _source(config))


def _model(config: Config) -> str:
    model = load(config)[0].model
    return f"{model.name}, {len(model.golden)} golden examples right"


def _database(path: Path, check_database: Callable[[Path], None]) -> str:
    check_database(path)
    return str(path)


def _source(config: Config) -> str:
    source = open_source(config.source.type, config.source)
    source.probe()
    return source.name


def _tried(part: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(part, attempt())
    except EdgeclsError as error:
        return Finding(part, "", _problems(error))
    except OSError as error:
        return Finding(part, "", (str(from_os_error(error, f"cannot use {error.filename or 'a file'}")),))


def _problems(error: EdgeclsError) -> tuple[str, ...]:
    return error.problems if isinstance(error, BadConfig) else (str(error),)
