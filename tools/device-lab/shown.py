"""What the device is shown, and what the host's edgecls says to it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from host import LabError

GUEST = Path(__file__).with_name("guest")
WIDTH, HEIGHT = 640, 480
"""Of the emulated camera."""


def prepare_share(share: Path, source: Path) -> None:
    """The device's programs, pictures, and what the host's edgecls says to them."""
    shutil.rmtree(share, ignore_errors=True)
    (share / "images").mkdir(parents=True)
    shutil.copytree(GUEST, share / "guest", ignore=shutil.ignore_patterns("__pycache__"))
    for number, image in enumerate(golden_images(source)):
        (share / "images" / f"golden-{number}.jpg").write_bytes(image)
    whole = sorted((share / "images").iterdir())
    expected: dict[str, str | None] = labels(source, whole)
    data = whole[0].read_bytes()
    (share / "images" / "truncated.jpg").write_bytes(data[: len(data) // 2])
    expected["truncated.jpg"] = None
    (share / "expected.json").write_text(json.dumps(expected))
    _prepare_camera(share, source, whole[0])


def golden_images(source: Path) -> list[bytes]:
    """Those that the shipped model carries: small photographs."""
    from edgecls.model_file import read_model

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


def _prepare_camera(share: Path, source: Path, picture: Path) -> None:
    """A photograph as raw frames, and how it is labelled after that conversion."""
    pixels = cv2.imread(str(picture))
    if pixels is None:
        raise LabError(f"OpenCV cannot read {picture}")
    frame = cv2.cvtColor(cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YUV_YUY2)
    (share / "frames.yuyv").write_bytes(np.repeat(frame[None], 2, axis=0).tobytes())
    back = share / "frame.png"
    cv2.imwrite(str(back), cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_YUY2))
    (label,) = labels(source, [back]).values()
    (share / "frames.json").write_text(json.dumps(label))
