"""Libraries that are broken are broken in earnest: packages of that name, found first."""

import sys

import pytest

from edgecls.doctor import software
from edgecls.doctor.check_result import Status
from edgecls.doctor.isolated import run_isolated
from edgecls.doctor.model import delegates, model
from edgecls.doctor.target import Target


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Put a package before the installed ones: its code, or only what pip would know of it."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def package(name, code=None, version="1.0"):
        if code is not None:
            (tmp_path / "site" / name).mkdir(parents=True)
            (tmp_path / "site" / name / "__init__.py").write_text(code)
        else:
            folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
            folder.mkdir(parents=True)
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    return package


def test_all_is_well():
    for check in (software.edgecls, software.numpy, software.runtime, software.opencv):
        assert check(Target()).status is Status.ok


def test_an_opencv_for_desktops(package):
    package("cv2", "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')")
    result = software.opencv(Target())
    assert result.status is Status.failed
    assert result.message.startswith("needs a library of a desktop: ImportError: libGL.so.1")
    assert "pip install opencv-python-headless" in result.fix


def test_two_opencvs(package):
    package("opencv-contrib-python")
    result = software.opencv(Target())
    assert result.status is Status.warning
    assert result.message.endswith("opencv-python-headless and opencv-contrib-python overwrite each other's files")


def test_an_opencv_for_another_processor(package):
    package("cv2", "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert software.opencv(Target()).message == "cannot be imported: ended the process by SIGILL"


def test_a_numpy_that_explains_itself_at_length(package):
    package(
        "numpy",
        "raise ImportError('\\n\\nIMPORTANT: READ THIS\\n\\nOriginal error was: libopenblas.so.0: not found\\n')",
    )
    assert software.numpy(Target()).message == "cannot be imported: ImportError: libopenblas.so.0: not found"


def test_tflite_runtime_beside_numpy_2(package, monkeypatch):
    package("tflite-runtime", version="2.14.0")
    assert software.numpy(Target()).status is Status.warning
    installed = software._installed
    monkeypatch.setattr(software, "_installed", lambda name: installed(name) and "litert" not in name)
    result = software.numpy(Target())
    assert (result.status, result.fix[:41]) == (Status.failed, "pip install 'edgecls[tflite-runtime]', or")


def test_a_runtime_that_cannot_be_imported(package):
    package("tflite-runtime", version="2.14.0")
    package("ai_edge_litert", "raise ImportError('GLIBC_2.34 not found')")
    result = software.runtime(Target())
    assert result.status is Status.failed
    assert result.message == "litert cannot be imported: ImportError: GLIBC_2.34 not found"
    assert result.fix.endswith("or use tflite-runtime: EDGECLS_RUNTIME=tflite-runtime")


@pytest.mark.parametrize("name", ["tensorrt", "tflite-runtime"])
def test_a_runtime_that_is_not_here(monkeypatch, name):
    monkeypatch.setenv("EDGECLS_RUNTIME", name)
    assert software.runtime(Target()).status is Status.failed


def test_a_child_that_says_nothing_or_ends_early(package):
    package("numpy", "import sys; sys.exit('no numpy today')")
    assert run_isolated("numpy").error == "ended the process with code 1: no numpy today"
    package("cv2", "print('hello')\nraise ValueError")
    assert run_isolated("opencv").error == "ValueError: "


def test_output_of_a_library_is_no_answer(package):
    package("cv2", "print('hello', end='')\nimport os; os._exit(0)")
    assert run_isolated("opencv").error == "ended the process with code 0: "


def test_the_child_finds_what_we_find():
    assert run_isolated("numpy").value == {"version": sys.modules["numpy"].__version__}


def test_the_model_that_is_shipped():
    target = Target()
    assert model(target).message == "efficientnet-lite0-imagenet, 1000 labels: 4 golden examples reproduced"
    assert delegates(target) == (Status.ok, "XNNPACK applied", "")


def test_a_model_without_golden_examples(tmp_path):
    from tiny_model import write

    target = Target(model=write(tmp_path / "m.tflite").path)
    assert model(target).status is Status.warning


def test_a_model_that_answers_wrongly(tmp_path, golden_examples):
    from tiny_model import write

    red, green, *_ = golden_examples
    target = Target(model=write(tmp_path / "m.tflite", examples=[type(red)(red.image, green.outputs)]).path)
    result = model(target)
    assert result.status is Status.failed
    assert "does not reproduce its recorded outputs: golden example 0 is off by 0.996" in result.message
    assert result.fix == "update the runtime and OpenCV, or convert the model again"
    assert delegates(target).status is Status.skipped


def test_delegates_of_a_board_are_named(board):
    machine = board({"usr/lib/aarch64-linux-gnu/libedgetpu.so.1": "", "usr/lib/libedgetpu.so.1.0": ""})
    assert delegates(machine).message == "XNNPACK applied; here, and not used by edgecls: Coral's libedgetpu"
