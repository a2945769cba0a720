"""Tell what a file is that was taken for an image, and what to do about it."""

import re

from edgecls.images.image_format import image_format

_NOT_READ = "which edgecls does not read: convert it to JPEG or PNG"
_RAW = "is a raw picture of a camera, which edgecls does not read: convert it to JPEG or PNG"
_ARCHIVE = "not an image: unpack it"
_SAVED_PAGE = "not an image: the server sent a page instead of the picture; download it again"
_TEXT_MODE = "was damaged by a program that took it for text: copy the original again, in binary mode"

_SIGNATURES: tuple[tuple[str, str], ...] = (
    (r"version https://git-lfs", "is a Git LFS pointer, not an image: run git lfs pull"),
    (r"\xef\xbf\xbd|\xc3\xbf\xc3\x98|\xc2\x89PNG|\x89PNG\n|\x89PNG\r\n\x1a\r|\x89PNG\r\r", _TEXT_MODE),
    (r"(?:data:image/|/9j/|iVBORw0KGgo|R0lGOD(?:lh|dh)|UklGR)", "is an image in Base64: decode it first"),
    (r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg\b", "is an SVG drawing, " + _NOT_READ),
    (r"\s*(?:<!--.*?-->\s*)*<(?:!DOCTYPE\s+html|html|head|body|script|meta|title)\b", "is an HTML page, " + _SAVED_PAGE),
    (r"\s*<(?:\?xml|Error|[A-Za-z][\w:]*[ />])", "is an XML document, " + _SAVED_PAGE),
    (r"HTTP/\d", "is an HTTP response with its header, not an image: save its body alone"),
    (r'\s*(?:\{\s*(?:"|\})|\[\s*(?:\{|"|\]))', "is a JSON document, " + _SAVED_PAGE),
    (r"%PDF-", "is a PDF document, not an image: export its pages as images"),
    (r"%!PS|\xc5\xd0\xd3\xc6", "is a PostScript document, " + _NOT_READ),
    (r"PK(?:\x03\x04|\x05\x06|\x07\x08)", "is a ZIP archive, " + _ARCHIVE),
    (r"\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|\x28\xb5\x2f\xfd", "is compressed (gzip, bzip2, xz or zstd), " + _ARCHIVE),
    (r"7z\xbc\xaf\x27\x1c", "is a 7z archive, " + _ARCHIVE),
    (r"Rar!\x1a\x07", "is a RAR archive, " + _ARCHIVE),
    (r".{257}ustar", "is a tar archive, " + _ARCHIVE),
    (r"\0\x05\x16\x07", "is a macOS AppleDouble file, which holds no picture: remove it"),
    (r"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "is a JPEG 2000 picture, " + _NOT_READ),
    (r"\xff\x0a|\0\0\0\x0cJXL ", "is a JPEG XL picture, " + _NOT_READ),
    (r"....ftypcrx ", _RAW),
    (r"....ftypjp[2xm]", "is a JPEG 2000 picture, " + _NOT_READ),
    (r"....ftyp(?:hei[cxms]|hev[cxms])", "is a HEIC picture, " + _NOT_READ),
    (r"....ftyp(?:mif1|msf1)", "is a HEIF picture, " + _NOT_READ),
    (r"....ftypavi[fs]", "is an AVIF picture"),
    (r"....(?:ftyp|moov|mdat)|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01\xba|OggS|G.{187}G",
     "is a video or audio file, not an image: take its frames out, or name it as the source of `edgecls run`"),
    (r"RIFF....WAVE|ID3|\xff[\xfa\xfb]|fLaC", "is an audio file, not an image: remove it"),
    (r"8BPS", "is a Photoshop document, " + _NOT_READ),
    (r"gimp xcf", "is a GIMP document, " + _NOT_READ),
    (r"\0\0[\x01\x02]\0.\0", "is a Windows icon, " + _NOT_READ),
    (r"icns", "is an Apple icon, " + _NOT_READ),
    (r"II\*\0....CR|IIU\0|IIR[OS]|MMOR|FUJIFILMCCD-RAW|FOVb|\0MRM|HEAPCCDR", _RAW),
    (r"DDS ", "is a DirectDraw texture, " + _NOT_READ),
    (r"v/1\x01", "is an OpenEXR picture, " + _NOT_READ),
    (r"#\?(?:RADIANCE|RGBE)", "is a Radiance HDR picture, " + _NOT_READ),
    (r"qoif", "is a QOI picture, " + _NOT_READ),
    (r"P[Ff]\s", "is a PFM picture, " + _NOT_READ),
    (r"P7\s", "is a PAM picture, " + _NOT_READ),
    (r"\x59\xa6\x6a\x95", "is a Sun raster picture, " + _NOT_READ),
    (r"\x01\xda[\0\x01][\x01\x02]", "is an SGI picture, " + _NOT_READ),
    (r"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "is a PCX picture, " + _NOT_READ),
    (r"II\+\0|MM\0\+", "is a BigTIFF picture, " + _NOT_READ),
    (r"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "is a Windows metafile, " + _NOT_READ),
    (r"AT&TFORM", "is a DjVu document, " + _NOT_READ),
    (r"BPG\xfb", "is a BPG picture, " + _NOT_READ),
    (r"farbfeld", "is a farbfeld picture, " + _NOT_READ),
    (r"(?:/\* XPM|#define \w+)", "is an X bitmap, " + _NOT_READ),
    (r".{128}DICM", "is a DICOM file, " + _NOT_READ),
    (r"SIMPLE  =", "is a FITS file, " + _NOT_READ),
    (r"\x93NUMPY", "is a NumPy array, " + _NOT_READ),
    (r"\x89HDF\r\n", "is an HDF5 file, not an image: export its images"),
    (r"PAR1", "is a Parquet file, not an image: export its images"),
    (r"SQLite format 3\0", "is an SQLite database, not an image: export its images"),
    (r"....TFL3", "is a TFLite model, not an image: name it with --model"),
    (r"\x7fELF|MZ.{58}", "is a program, not an image: remove it"),
    (r"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a Microsoft Office document, or Thumbs.db, not an image: remove it"),
)  # fmt: skip
"""Beginnings of files, and their kinds. The first match counts."""

_KINDS = tuple((re.compile(begin.encode("latin-1"), re.DOTALL), kind) for begin, kind in _SIGNATURES)
_HEAD = 4096


def describe_not_image(data: bytes) -> str:
    """Return what bytes are of which no size could be read: "is a ZIP archive, not an image: unpack it".

    One line without the file's name. Never empty.
    """
    if not data:
        return "is empty"
    head = data[:_HEAD]
    text = head.removeprefix(b"\xef\xbb\xbf")
    for begin, kind in _KINDS:
        if begin.match(text):
            return kind
    if not data.strip(b"\0"):
        return "holds nothing but zeros: copy the original again"
    if name := _name(head):
        return f"is cut off or damaged: the header of the {name} is incomplete"
    if (at := data.find(b"\xff\xd8\xff", 1, _HEAD)) > 0:
        return f"has {at} bytes before the JPEG in it: remove them, or save it again"
    if not _is_text(head):
        return "is not an image that OpenCV can decode"
    return "is a text file, not an image: remove it"


def describe_undecodable(data: bytes) -> str:
    """Return why bytes that begin as an image cannot be decoded, as far as they show it."""
    for begin, kind in _KINDS:
        if begin.match(data[:_HEAD]):
            return kind if ":" in kind else f"{kind} that OpenCV cannot decode here: convert it to JPEG or PNG"
    kind = _name(data) or "image"
    if _lacks_its_end(data):
        return f"is cut off or damaged: the end of the {kind} is missing"
    return f"is damaged, or {'an' if kind == 'image' else 'a'} {kind} of a variant that OpenCV cannot decode: save it as JPEG or PNG"


def _name(data: bytes) -> str | None:
    return "PBM, PGM or PPM" if (kind := image_format(data)) == "Netpbm" else kind


def _lacks_its_end(data: bytes) -> bool:
    match image_format(data):
        case "PNG":
            return b"IEND" not in data
        case "WebP":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "BMP":
            return int.from_bytes(data[2:6], "little") > len(data)
        case "GIF":
            return not data.rstrip(b"\0").endswith(b";")
    return False


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if not len(head) - 4 < error.start <= _HEAD or len(head) < _HEAD:  # not a character that the limit cuts
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)
