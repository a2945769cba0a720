"""What the device is shown, and what the host's edgecls says to it."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
from environment import download
from host import LabError
from numpy.typing import NDArray

GUEST = Path(__file__).with_name("guest")
WIDTH, HEIGHT = 640, 480
"""Of the emulated camera."""
PHOTOGRAPHS = ("camera.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
"""Of those that come with scikit-image: four that the shipped model gives four labels."""


def prepare_share(share: Path, source: Path, cache: Path) -> None:
    """The device's programs, pictures, and what the host's edgecls says to them."""
    shutil.rmtree(share, ignore_errors=True)
    (share / "images").mkdir(parents=True)
    shutil.copytree(GUEST, share / "guest", ignore=shutil.ignore_patterns("__pycache__"))
    photographs = [resized(data) for data in photograph_files(cache)]
    for number, pixels in enumerate(photographs):
        cv2.imwrite(str(share / "images" / f"photograph-{number}.jpg"), pixels)
    for number, image in enumerate(golden_images(source)):
        (share / "images" / f"golden-{number}.jpg").write_bytes(image)
    whole = sorted((share / "images").iterdir())
    expected: dict[str, str | None] = labels(source, whole)
    data = whole[0].read_bytes()
    (share / "images" / "truncated.jpg").write_bytes(data[: len(data) // 2])
    expected["truncated.jpg"] = None
    (share / "expected.json").write_text(json.dumps(expected))
    _prepare_camera(share, source, photographs)


def photograph_files(cache: Path) -> list[bytes]:
    """Out of scikit-image's wheel: nothing of it is installed."""
    with zipfile.ZipFile(download("scikit-image", cache)) as wheel:
        return [wheel.read(f"skimage/data/{name}") for name in PHOTOGRAPHS]


def resized(data: bytes) -> NDArray[np.uint8]:
    """An encoded image as the pixels (BGR) of one frame of the camera."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise LabError("OpenCV cannot read scikit-image's photographs")
    return np.asarray(cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def golden_images(source: Path) -> list[bytes]:
    """Those that the shipped model carries: small photographs."""
    from edgecls.model.model_file import read_model

    (model,) = (source / "models").glob("*.tflite")
    return [example.image for example in read_model(model).golden]


def labels(source: Path, images: list[Path]) -> dict[str, str | None]:
    """By file name, as edgecls finds them on the host."""
    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "classify", "--format", "jsonl", *images],
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise LabError(f"edgecls does not run here: {done.stderr.strip().splitlines()[-1:]}")
    found = map(json.loads, done.stdout.splitlines())
    return {Path(row["path"]).name: row["label"] for row in found}


def _prepare_camera(share: Path, source: Path, photographs: list[NDArray[np.uint8]]) -> None:
    """Photographs as raw frames, one after the other in a file, and how each is labelled after that conversion."""
    back = []
    with (share / "frames.yuyv").open("wb") as file:
        for number, pixels in enumerate(photographs):
            frame = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_YUY2)
            file.write(frame.tobytes())
            back.append(share / f"frame-{number}.png")
            cv2.imwrite(str(back[-1]), cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_YUY2))
    found = labels(source, back)
    in_turn = [found[path.name] for path in back]
    if len({*in_turn}) < len(in_turn):
        raise LabError(f"the camera's photographs must have labels of their own, and have {in_turn}")
    (share / "frames.json").write_text(json.dumps(in_turn))
