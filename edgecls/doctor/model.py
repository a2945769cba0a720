"""The configuration, the model that it names, and what runs that model."""

from edgecls.doctor.answer import Answer, absent, failed, ok, warning
from edgecls.doctor.apart import Outcome
from edgecls.doctor.subject import SERVICE_CONFIG, Subject

_DELEGATES = {
    "libedgetpu": "Coral's", "libvx_delegate": "VeriSilicon's", "libethosu_delegate": "Arm's Ethos-U",
    "libarmnnDelegate": "Arm NN's", "libQnnTFLiteDelegate": "Qualcomm's",
}  # fmt: skip
"""How the libraries of delegates begin that boards come with, and whose they are."""
_FOLDERS = ("/usr/lib", "/usr/local/lib", "/usr/lib/*-linux-gnu*", "/opt/*/lib")


def configuration(subject: Subject) -> Answer:
    """Whether it can be read; what it asks for is looked at by the other checks."""
    if subject.config_path is None:
        return absent(f"no {SERVICE_CONFIG}", "for a daemon: edgecls service install")
    if subject.configured.error:
        return _failure(subject.configured)
    return ok(f"{subject.config_path}: source {subject.configured.value['source']}")


def model(subject: Subject) -> Answer:
    """Its golden examples, by the kernels that will classify, and within the tolerance that the model states."""
    if subject.replayed.error:
        return _failure(subject.replayed)
    found = subject.replayed.value
    seen = f"{found['name']}, {found['labels']} labels"
    if not found["examples"]:
        return warning(
            f"{seen}: it has no golden examples, so nobody can say whether its answers are right here",
            "make it with edgecls convert, or compare some answers by hand",
        )
    return ok(f"{seen}: {found['examples']} golden examples right")


def _failure(outcome: Outcome) -> Answer:
    """An error of ours brings its remedy along; any other is one of a library, which has a line of its own."""
    said = outcome.error or ""
    if said.startswith("ended the process") or said.partition(":")[0].endswith("Error"):
        return failed(said, "see numpy, runtime and OpenCV above; if these are well, report it")
    what, _, remedy = said.rpartition(": ")
    return failed(what, remedy)


def delegates(subject: Subject) -> Answer:
    """Whether XNNPACK, the fast kernels of both runtimes, has taken the network over; and what else is here, unused."""
    others = _others(subject)
    unused = f"; here, and not used by edgecls: {', '.join(others)}" if others else ""
    delegated = subject.replayed.value.get("delegated")
    if subject.replayed.error:
        return absent(f"not known, since the model does not run{unused}")
    if delegated is None:
        return absent(f"{subject.replayed.value['runtime']} does not tell{unused}")
    if not delegated:
        return warning(
            f"XNNPACK runs no part of this network{unused}",
            "int8 or float32 networks are what it is for (edgecls convert --quantize); or update the runtime",
        )
    return ok(f"XNNPACK applied{unused}")


def _others(subject: Subject) -> list[str]:
    system = subject.system
    return [
        f"{whose} {name}"
        for name, whose in _DELEGATES.items()
        if any(system.glob(f"{folder}/{name}*.so*") for folder in _FOLDERS)
    ]
