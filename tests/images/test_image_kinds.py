"""Images as cameras, scanners, screenshots and the web give them: what another decoder makes of them, and ours."""

import io

import cv2
import numpy as np
import pytest
from pictures import noise

from edgecls.errors import BadImage
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import decode, decode_reduced, load_pixels
from edgecls.inference.classifier import Classifier
from edgecls.training.data.samples import read_samples

PIL = pytest.importorskip("PIL", reason="Pillow comes with the extra `convert`")
from PIL import Image, ImageOps, features  # noqa: E402

RGB = noise(120, 80)
PICTURE = Image.fromarray(RGB)
GREY = PICTURE.convert("L")
PALETTE = PICTURE.quantize(64)
SIXTEEN = np.asarray(GREY).astype(np.uint16) * 256 + 99  # Pillow would clip it: the upper byte is what is wanted
TRANSPARENT = PICTURE.convert("RGBA")
TRANSPARENT.putalpha(Image.fromarray(np.tile(np.arange(120, dtype=np.uint8) * 2, (80, 1))))
TURNED = Image.Exif()
TURNED[274] = 6
OPENCV = tuple(map(int, cv2.__version__.split(".")[:2]))


def save(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


KINDS = {
    "jpeg": save(PICTURE, "JPEG", quality=95),
    "progressive jpeg": save(PICTURE, "JPEG", quality=95, progressive=True),
    "grey jpeg": save(GREY, "JPEG", quality=95),
    "CMYK jpeg": save(PICTURE.convert("CMYK"), "JPEG", quality=95),
    "turned jpeg": save(PICTURE, "JPEG", quality=95, exif=TURNED),
    "turned png": save(PICTURE, "PNG", exif=TURNED),
    "turned tiff": save(PICTURE, "TIFF", exif=TURNED),
    "png": save(PICTURE, "PNG"),
    "grey png": save(GREY, "PNG"),
    "transparent png": save(TRANSPARENT, "PNG"),
    "transparent grey png": save(TRANSPARENT.convert("LA"), "PNG"),
    "palette png": save(PALETTE, "PNG"),
    "palette png with a transparent colour": save(PALETTE, "PNG", transparency=3),
    "black and white png": save(PICTURE.convert("1"), "PNG"),
    "tiff": save(PICTURE, "TIFF"),
    "tiff with LZW": save(PICTURE, "TIFF", compression="tiff_lzw"),
    "grey tiff": save(GREY, "TIFF"),
    "palette tiff": save(PALETTE, "TIFF"),
    "webp": save(PICTURE, "WEBP", lossless=True),
    "lossy webp": save(PICTURE, "WEBP", quality=90),
    "transparent webp": save(TRANSPARENT, "WEBP", lossless=True, exact=True),
    "bmp": save(PICTURE, "BMP"),
    "palette bmp": save(PALETTE, "BMP"),
    "ppm": save(PICTURE, "PPM"),
    "pgm": save(GREY, "PPM"),
    "16-bit png": save(Image.fromarray(SIXTEEN), "PNG"),
    "16-bit tiff": save(Image.fromarray(SIXTEEN), "TIFF"),
    "16-bit pgm": save(Image.fromarray(SIXTEEN), "PPM"),
}
NEWER = {  # what old or slim builds of OpenCV refuse
    "gif": save(PALETTE, "GIF"),
    "animated gif": save(PALETTE, "GIF", save_all=True, append_images=[GREY.quantize(64)]),
    "animated webp": save(PICTURE, "WEBP", lossless=True, save_all=True, append_images=[GREY.convert("RGB")]),
    **({"avif": save(PICTURE, "AVIF", quality=95)} if features.check("avif") else {}),
}
REFUSED = {"floating-point tiff": save(PICTURE.convert("F"), "TIFF"), "icon": save(PICTURE, "ICO")}


def as_pillow_sees_it(data):
    picture = Image.open(io.BytesIO(data))
    if picture.mode.startswith("I"):
        return np.dstack([np.asarray(picture).astype(int) >> 8] * 3)
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in {"P", "LA"}:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.asarray(picture.convert("RGB"))


def assert_alike(data):
    ours, theirs = decode(data)[:, :, ::-1].astype(int), as_pillow_sees_it(data).astype(int)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 1.5
    assert np.abs(ours - theirs).max() < 16


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_every_kind_gives_the_pixels_that_pillow_gives(data):
    assert_alike(data)
    assert min(decode_reduced(data).shape[:2]) == 10


@pytest.mark.parametrize("data", NEWER.values(), ids=NEWER)
def test_kinds_that_not_every_opencv_knows_are_right_or_refused(data):
    try:
        decode_reduced(data)
    except BadImage:
        with pytest.raises(BadImage):
            decode(data)
    else:
        assert_alike(data)


@pytest.mark.skipif(OPENCV < (4, 12), reason="OpenCV reads GIF from 4.12 on")
def test_gif_is_read():
    assert_alike(NEWER["gif"])


@pytest.mark.parametrize("kind", ["png", "webp", "tiff", "bmp", "jpeg"])
def test_a_wrong_name_does_not_matter(tmp_path, kind, tiny_model):
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "photo.jpg"
    path.write_bytes(KINDS[kind])
    (sample,) = read_samples(tmp_path)
    spec = Preprocessing(32, 24)
    assert np.array_equal(load_pixels(sample.read(), spec), load_pixels(KINDS[kind], spec))
    classifier = Classifier(tiny_model)
    assert classifier.classify(path).top_k == classifier.classify(sample.read()).top_k


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_opencv_does_not_know_is_refused_alike_in_training_and_on_the_device(data, tiny_model):
    with pytest.raises(BadImage) as caught:
        decode_reduced(data)
    result = Classifier(tiny_model).classify(data)
    assert result.label is None
    assert result.error == str(caught.value)


def passes(read, data):
    try:
        read(data)
    except BadImage:
        return False
    return True


CUT = {**KINDS, **NEWER}


@pytest.mark.parametrize("name", CUT)
def test_of_files_that_end_early_check_and_decode_say_the_same(name):
    data = CUT[name]
    for length in {*range(1, len(data), max(1, len(data) // 40)), len(data) - 1, len(data) - 2, len(data) - 12}:
        assert passes(decode_reduced, data[:length]) == passes(decode, data[:length]), f"{length} of {len(data)} bytes"
