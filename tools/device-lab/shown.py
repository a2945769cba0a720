"""Prepare the images for the device, and the labels that edgecls gives them on the host."""

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
"""Frame size of the emulated camera."""
PHOTOGRAPHS = ("camera.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
"""Four photographs in scikit-image that the bundled model gives four different labels."""


def prepare_share(share: Path, source: Path, cache: Path) -> None:
    """Fill the shared folder with the device's programs, the images, and their expected labels."""
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
    """Read photographs from scikit-image's wheel, without installing it."""
    with zipfile.ZipFile(download("scikit-image", cache)) as wheel:
        return [wheel.read(f"skimage/data/{name}") for name in PHOTOGRAPHS]


def resized(data: bytes) -> NDArray[np.uint8]:
    """Decode an image and resize it to a frame of the camera (BGR)."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise LabError("OpenCV cannot read scikit-image's photographs")
    return np.asarray(cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def golden_images(source: Path) -> list[bytes]:
    """Return the images of the golden examples in the bundled model: small photographs."""
    from edgecls.model.model_file import read_model

    (model,) = (source / "models").glob("*.tflite")
    return [example.image for example in read_model(model).golden]


def labels(source: Path, images: list[Path]) -> dict[str, str | None]:
    """Classify images on the host and return their labels by file name."""
    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "classify", "--format", "jsonl", *images],
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise LabError(f"edgecls classify failed on the host: {done.stderr.strip().splitlines()[-1:]}")
    return {Path(row["path"]).name: row["label"] for row in map(json.loads, done.stdout.splitlines())}


def _prepare_camera(share: Path, source: Path, photographs: list[NDArray[np.uint8]]) -> None:
    """Write photographs as raw frames into one file, and the labels that they get after that conversion."""
    back = []
    with (share / "frames.yuyv").open("wb") as file:
        for number, pixels in enumerate(photographs):
            frame = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_YUY2)
            file.write(frame.tobytes())
            back.append(share / f"frame-{number}.png")
            cv2.imwrite(str(back[-1]), cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_YUY2))
    by_name = labels(source, back)
    in_turn = [by_name[path.name] for path in back]
    if len({*in_turn}) < len(in_turn):
        raise LabError(f"the camera's photographs must have different labels, but have {in_turn}")
    (share / "frames.json").write_text(json.dumps(in_turn))
