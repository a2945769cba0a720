"""The configuration, the model that it names, and what runs that model."""

from edgecls.doctor.check_result import CheckResult, absent, failed, ok, warning
from edgecls.doctor.isolated import Outcome
from edgecls.doctor.target import SERVICE_CONFIG, Target

_DELEGATES = {
    "libedgetpu": "Coral's", "libvx_delegate": "VeriSilicon's", "libethosu_delegate": "Arm's Ethos-U",
    "libarmnnDelegate": "Arm NN's", "libQnnTFLiteDelegate": "Qualcomm's",
}  # fmt: skip
"""How the libraries of delegates begin that boards come with, and whose they are."""
_FOLDERS = ("/usr/lib", "/usr/local/lib", "/usr/lib/*-linux-gnu*", "/opt/*/lib")


def configuration(target: Target) -> CheckResult:
    """Whether it can be read; what it asks for is looked at by the other checks."""
    if target.config_path is None:
        return absent(f"no {SERVICE_CONFIG}", "for a daemon: edgecls service install")
    if target.configured.error:
        return _failure(target.configured)
    return ok(f"{target.config_path}: source {target.configured.value['source']}")


def model(target: Target) -> CheckResult:
    """Its golden examples, by the kernels that will classify, and within the tolerance that the model states."""
    if target.replayed.error:
        return _failure(target.replayed)
    found = target.replayed.value
    message = f"{found['name']}, {found['labels']} labels"
    if not found["examples"]:
        return warning(
            f"{message}: it has no golden examples, so nobody can say whether its answers are right here",
            "make it with edgecls convert, or compare some answers by hand",
        )
    return ok(f"{message}: {found['examples']} golden examples right")


def _failure(outcome: Outcome) -> CheckResult:
    """An error of ours brings its fix along; any other is one of a library, which has a line of its own."""
    said = outcome.error or ""
    if said.startswith("ended the process") or said.partition(":")[0].endswith("Error"):
        return failed(said, "see numpy, runtime and OpenCV above; if these are well, report it")
    what, _, fix = said.rpartition(": ")
    return failed(what, fix)


def delegates(target: Target) -> CheckResult:
    """Whether XNNPACK, the fast kernels of both runtimes, has taken the network over; and what else is here, unused."""
    others = _others(target)
    unused = f"; here, and not used by edgecls: {', '.join(others)}" if others else ""
    delegated = target.replayed.value.get("delegated")
    if target.replayed.error:
        return absent(f"not known, since the model does not run{unused}")
    if delegated is None:
        return absent(f"{target.replayed.value['runtime']} does not tell{unused}")
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
