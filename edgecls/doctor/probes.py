"""The functions that `run_isolated` calls in a child process. Each imports what it tests, and returns JSON values."""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from edgecls.errors import current_user, who_may_not


def numpy() -> dict[str, Any]:
    """Its version, once it has added two numbers."""
    import numpy as np

    assert int(np.ones(2, np.uint8).sum()) == 2
    return {"version": np.__version__}


def opencv() -> dict[str, Any]:
    """Its version and the codecs it was built with, once a picture has gone through its JPEG codec."""
    import cv2
    import numpy as np

    done, data = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    if decoded is None or decoded.shape != (8, 8, 3):
        raise ImportError("it was built without JPEG")
    return {"version": cv2.__version__}


def runtime(name: str) -> dict[str, Any]:
    """Import the interpreter of a runtime, and return its version."""
    from edgecls.inference.runtimes import RUNTIMES

    package, _ = RUNTIMES[name]
    import_module(f"{package}.interpreter")
    return {"version": _version(package)}


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package.replace("_", "-"))
    except PackageNotFoundError:
        return "of unknown version"


def configuration(path: str) -> dict[str, Any]:
    """Read a configuration, and return the settings that other checks need."""
    from edgecls.device.configuration.config import read_config
    from edgecls.device.saving.saved_frames import frames_folder

    config = read_config(Path(path))
    keeps = config.saved_frames.keep != "none"
    return {
        "model": config.model and str(config.model),
        "database": str(config.database),
        "frames": str(frames_folder(config.database)) if keeps else None,
        "source": config.source.type,
        "device": getattr(config.source, "public_device", ""),
        "runtime": config.runtime,
        **_places(config.source),
        "labels": config.labels and str(config.labels),
        "input_range": config.input_range,
    }


def _places(source: Any) -> dict[str, Any]:
    """Return where a folder or a video is, and where its files go."""
    if source.type not in ("folder", "video"):
        return {}
    places = {"path": str(source.path), "after": getattr(source, "after", "keep")}
    if source.type == "folder":
        places |= {name: str(source.path / getattr(source, name)) for name in ("done_folder", "failed_folder")}
    return places


_FILES_TRIED = 100
"""Images of a folder that are opened."""


def access(needs: str) -> dict[str, Any]:
    """Return what of `needs` (JSON, see `edgecls.doctor.access.Need`) the user of this process may not do."""
    problems = [(part, _attempt(part, path, action)) for part, path, action in json.loads(needs)]
    return {
        "user": current_user(),
        "problems": [(*problem[:1], f"{part}: {problem[1]}") for part, problem in problems if problem],
    }


def _attempt(part: str, path: str, action: str) -> tuple[str, str] | None:
    """Return (kind of problem, what is wrong), None if nothing is."""
    try:
        _ACTIONS[action](path)
    except FileNotFoundError:
        return None if part == "model" else ("missing", f"there is no {path}")  # the model has a check of its own
    except OSError as error:
        is_refused = error.errno in (errno.EACCES, errno.EPERM)
        return "closed", who_may_not(error.filename) if is_refused else f"{path} cannot be used ({error.strerror})"
    return None


def _read(path: str) -> None:
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        file.read(1)


def _list(path: str) -> None:
    with os.scandir(path) as entries:
        files = [entry.path for entry in islice(entries, _FILES_TRIED) if entry.is_file(follow_symlinks=False)]
    os.stat(os.path.join(path, os.curdir))
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # the daemon may be at work
            _read(file)


def _change(path: str) -> None:
    """Files are renamed or deleted here. Nothing is tried: the daemon may be at work."""
    _list(path)
    _need(path, os.W_OK | os.X_OK)
    status = os.stat(path)
    if status.st_mode & stat.S_ISVTX and os.geteuid() not in (0, status.st_uid):
        with os.scandir(path) as entries:
            for entry in islice(entries, _FILES_TRIED):
                if entry.stat(follow_symlinks=False).st_uid != os.geteuid():  # of a sticky folder only the owner may
                    raise PermissionError(errno.EPERM, "the folder is sticky", entry.path)


def _make(path: str) -> None:
    """Raise unless the folder exists and is writable, or can be created."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    _need(path, os.W_OK | os.X_OK)


def _database(path: str) -> None:
    """SQLite makes files beside it."""
    _need(os.path.dirname(os.path.realpath(path)), os.W_OK | os.X_OK)
    if os.path.lexists(path):
        _need(path, os.R_OK | os.W_OK)


def _need(path: str, mode: int) -> None:
    os.stat(path)
    if not os.access(path, mode):
        raise PermissionError(errno.EACCES, "permission denied", path)


_ACTIONS: dict[str, Callable[[str], None]] = {
    "read": _read, "list": _list, "change": _change, "make": _make, "database": _database, "connect": lambda _: None,
}  # fmt: skip


def model(path: str, runtime: str = "", labels: str = "", input_range: str = "") -> dict[str, Any]:
    """Replay the golden examples of a model; return its description and what runs its network."""
    from edgecls.inference.classifier import Classifier
    from edgecls.inference.golden import replay_golden
    from edgecls.inference.runtimes.operators import delegated
    from edgecls.model.model_file import read_labels, read_model

    opened = read_model(path, read_labels(labels) if labels else None, input_range=input_range or None)
    classifier = Classifier(opened, runtime=runtime or None)
    examples = replay_golden(classifier)
    return {
        "name": classifier.model.name,
        "labels": len(classifier.model.labels),
        "examples": examples,
        "runtime": classifier.runtime.name,
        "delegated": delegated(classifier.model.path, classifier.runtime.name),
    }
