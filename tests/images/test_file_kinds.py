"""Files that are named as images and are none: the message says what they are, and what to do."""

import base64
import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images.file_kinds import describe_not_image, describe_undecodable
from edgecls.images.preprocess import decode, decode_reduced
from edgecls.inference.classifier import Classifier

JPEG, PNG = encode(noise(61, 43), ".jpg"), encode(noise(61, 43), ".png")


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", JPEG)
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("a.jpg")
        entry.size = len(JPEG)
        archive.addfile(entry, io.BytesIO(JPEG))
    return file.getvalue()


FILES = {
    "is a Git LFS pointer, not an image: run git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
    "is an HTML page, not an image: the server sent": b"\n<!DOCTYPE html>\n<html><title>404</title>",
    "is an HTML page, not": b"\xef\xbb\xbf<!-- a -->\n<html>",
    "is an XML document, not": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "is a JSON document, not": b'{"error": "rate limit"}',
    "is an SVG drawing, which": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "is a PDF document": b"%PDF-1.7\n",
    "is a ZIP archive, not an image: unpack it": zipped(),
    "is a tar archive": tarred(),
    "is compressed": gzip.compress(JPEG),
    "is a HEIC picture, which edgecls does not read: convert": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
    "is a video or audio file": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(99),
    "is a JPEG 2000 picture": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
    "is a JPEG XL picture": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99),
    "is a Photoshop document": b"8BPS\0\1" + bytes(99),
    "is a raw picture of a camera": b"II*\0\x10\0\0\0CR\2\0" + bytes(99),
    "is a Windows icon": b"\0\0\1\0\1\0" + bytes(99),
    "is a DICOM file": bytes(128) + b"DICM" + bytes(99),
    "is a macOS AppleDouble file": b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(99),
    "is an HTTP response": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG,
    "is an image in Base64": base64.b64encode(JPEG),
    "is an image in Base64: ": b"data:image/png;base64," + base64.b64encode(PNG),
    "was damaged by a program that took it for text": JPEG.decode("utf-8", "replace").encode(),
    "was damaged by a program that took it for text: ": PNG.replace(b"\r\n", b"\n"),
    "has 4 bytes before the JPEG": b"\r\n\r\n" + JPEG,
    "is a text file, not an image": b"Not Found",
    "holds nothing but zeros": bytes(5000),
    "is empty": b"",
    "is cut off or damaged: the header of the PNG is incomplete": PNG[:12],
    "is cut off or damaged: the end of the PNG is missing": PNG[:-20],
    "is cut off or damaged: the end of the JPEG is missing": JPEG[:-20],
    "is not an image that OpenCV can decode": b"\x80\x81\x82\x83",
}  # fmt: skip


@pytest.mark.parametrize("message", FILES)
def test_a_file_is_named_for_what_it_is(message, tiny_model, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(FILES[message])
    error = Classifier(tiny_model).classify(path).error
    assert error.startswith(message)
    for read in (decode_reduced, decode):
        with pytest.raises(BadImage) as caught:
            read(FILES[message])
        assert str(caught.value) == error


@given(st.sampled_from(list(FILES.values())), st.binary(max_size=300), st.integers(0, 40))
def test_any_bytes_have_a_description_of_one_line(start, rest, cut):
    for describe in (describe_not_image, describe_undecodable):
        text = describe(start[:cut] + rest)
        assert text
        assert text.isprintable()
