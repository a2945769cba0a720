"""What `apart` calls in a child process. Each function imports what it tries, and returns what JSON can hold."""

from importlib import import_module
from pathlib import Path
from typing import Any


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
    """The version of a runtime, once its interpreter could be imported."""
    from edgecls.device.runtimes import RUNTIMES

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
    """What of a configuration matters to the other checks."""
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
        "labels": config.labels and str(config.labels),
        "input_range": config.input_range,
    }


def model(path: str, runtime: str = "", labels: str = "", input_range: str = "") -> dict[str, Any]:
    """What a model is, once its golden examples have given what they should; and what runs its network."""
    from edgecls.device.classifier import Classifier
    from edgecls.device.golden import replay_golden
    from edgecls.device.runtimes.operators import delegated
    from edgecls.model_file import read_labels, read_model

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
