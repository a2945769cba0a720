"""The configuration, the model that it names, and what runs that model."""

from edgecls.doctor.check_result import CheckResult, failed, ok, skipped, warning
from edgecls.doctor.isolated import Outcome
from edgecls.doctor.target import SERVICE_CONFIG, Target

_DELEGATES = {
    "libedgetpu": "Coral's", "libvx_delegate": "VeriSilicon's", "libethosu_delegate": "Arm's Ethos-U",
    "libarmnnDelegate": "Arm NN's", "libQnnTFLiteDelegate": "Qualcomm's",
}  # fmt: skip
"""The beginnings of the names of delegate libraries that boards come with, and their vendors."""
_FOLDERS = ("/usr/lib", "/usr/local/lib", "/usr/lib/*-linux-gnu*", "/opt/*/lib")


def configuration(target: Target) -> CheckResult:
    """Check that the configuration can be read; other checks examine its settings."""
    if target.config_path is None:
        return skipped(f"no {SERVICE_CONFIG}", "for a daemon: edgecls service install")
    if target.configured.error:
        return _failure(target.configured)
    return ok(f"{target.config_path}: source {target.configured.value['source']}")


def model(target: Target) -> CheckResult:
    """Replay the golden examples with the kernels that will classify, within the tolerance that the model states."""
    if target.replayed.error:
        return _failure(target.replayed)
    model = target.replayed.value
    message = f"{model['name']}, {model['labels']} labels"
    if not model["examples"]:
        return warning(
            f"{message}: no golden examples, so its answers on this machine cannot be checked",
            "make it with edgecls convert, or compare some answers by hand",
        )
    return ok(f"{message}: {model['examples']} golden examples reproduced")


def _failure(outcome: Outcome) -> CheckResult:
    """Split an error of ours into message and fix; any other is a library's, which has its own check."""
    error = outcome.error or ""
    if error.startswith("ended the process") or error.partition(":")[0].endswith("Error"):
        return failed(error, "see numpy, runtime and OpenCV above; if these are well, report it")
    what, _, fix = error.rpartition(": ")
    return failed(what, fix)


def delegates(target: Target) -> CheckResult:
    """Check that XNNPACK, the fast kernels of both runtimes, runs the network; name other accelerators that are unused."""
    others = _others(target)
    unused = f"; here, and not used by edgecls: {', '.join(others)}" if others else ""
    delegated = target.replayed.value.get("delegated")
    if target.replayed.error:
        return skipped(f"not known, since the model does not run{unused}")
    if delegated is None:
        return skipped(f"{target.replayed.value['runtime']} does not tell{unused}")
    if not delegated:
        return warning(
            f"XNNPACK runs no part of this network{unused}",
            "int8 or float32 networks are what it is for (edgecls convert --quantize); or update the runtime",
        )
    return ok(f"XNNPACK applied{unused}")


def _others(target: Target) -> list[str]:
    system = target.system
    return [
        f"{whose} {name}"
        for name, whose in _DELEGATES.items()
        if any(system.glob(f"{folder}/{name}*.so*") for folder in _FOLDERS)
    ]
