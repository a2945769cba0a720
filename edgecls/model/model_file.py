"""The model file: a standard .tflite that carries its labels, preprocessing, thresholds, figures and golden examples.

A zip follows the flatbuffer (its entries stored, not deflated, as the readers of TFLite Metadata expect), which
`zipfile` reads on a device without any further library:

    labels.txt          one label a line, in the order of the outputs
    edgecls.json        `ModelInfo` as JSON, and the SHA-256 of the flatbuffer
    golden/N.jpg        small images, with the outputs that are expected for them in edgecls.json
    images.bin          which images trained, validated and tested the network: `ImageList`
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from edgecls.errors import BadData, BadModel, InputNotFound, UsageError, from_os_error
from edgecls.files import write_atomically
from edgecls.images.framing import Preprocessing
from edgecls.model.image_list import FILE as IMAGES_FILE
from edgecls.model.image_list import ImageList
from edgecls.model.image_metadata import ImageMetadata, read_image_metadata
from edgecls.model.labels import read_label_lines

FORMAT = 1
INFO_FILE = "edgecls.json"
LABELS_FILE = "labels.txt"
_IDENTIFIER = b"TFL3"  # bytes 4 to 8 of a TFLite flatbuffer
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes, and so the same identity


@dataclass(frozen=True, slots=True)
class GoldenExample:
    """An encoded image, and the raw outputs of the model for it: (classes,) in the dtype of the output tensor.

    int8 models: integers, exact with a runtime's reference kernels. Others: floats.
    """

    image: bytes
    outputs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The content of edgecls.json. `thresholds` is label -> the least score for this label, 0 to 1.

    `golden_tolerance` is the allowed error of a score with fast kernels, 0 to 1. `metrics` (on the test split),
    `dataset`, `versions` and `training` are for people to read.
    """

    name: str
    preprocessing: Preprocessing
    quantization: str
    backbone: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    golden_tolerance: float = 0.1
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file as read: `sha256` of the whole file is the model's identity.

    `info` is None for a .tflite that edgecls did not make; `labels` are then from TFLite Metadata or the user, and
    `metadata` and `input_range` (a name of `input_pixels.RANGES`, chosen by the user) say how it takes pixels.
    """

    path: Path
    sha256: str
    size: int
    labels: tuple[str, ...]
    info: ModelInfo | None
    golden: tuple[GoldenExample, ...] = ()
    metadata: ImageMetadata | None = None
    input_range: str | None = None
    image_list: bytes = b""

    @property
    def images(self) -> ImageList | None:
        """The images that the model was made with; None if the file lists none. Raises BadModel if the list is damaged."""
        try:
            return ImageList.from_bytes(self.image_list) if self.image_list else None
        except ValueError as error:
            raise BadModel(f"{self.path} is damaged: {error}: copy it again") from error

    def with_labels(self, labels: Sequence[str]) -> "ModelFile":
        """Return the model with other names for its outputs; thresholds stay with their outputs."""
        info = self.info
        if info and len(labels) == len(self.labels):
            names = dict(zip(self.labels, labels, strict=True))
            info = replace(
                info, thresholds={names[old]: value for old, value in info.thresholds.items() if old in names}
            )
        return replace(self, labels=tuple(labels), info=info)

    @property
    def name(self) -> str:
        """The name that the model was made under, or else the name of the file."""
        return self.info.name if self.info else self.path.stem


def write_model(
    path: Path,
    flatbuffer: bytes,
    info: ModelInfo,
    labels: Sequence[str],
    golden: Sequence[GoldenExample],
    *,
    mean: float,
    std: float,
    images: ImageList | None = None,
) -> ModelFile:
    """Write a model file as `written_atomically` does, and return it as `read_model` would.

    `mean` and `std` are the backbone's normalisation, which is part of the graph: they are recorded for other tools.
    Raises InputNotFound (no such folder), IoFailed, and ValueError for labels that a line cannot hold.
    """
    text = "".join(f"{label}\n" for label in labels).encode()
    if split_labels(text) != list(labels):
        raise ValueError("a label is empty, has a line break, or begins with a byte order mark")
    examples = {f"golden/{index}.jpg": example.image for index, example in enumerate(golden)}
    listed = {IMAGES_FILE: images.to_bytes()} if images else {}
    from edgecls.model.tflite_metadata import embed  # only a workstation writes models

    described = embed(
        flatbuffer,
        name=info.name,
        description=f"{info.backbone}, {info.quantization}, {len(labels)} classes, made by edgecls",
        size=(info.preprocessing.width, info.preprocessing.height),
        channels=info.preprocessing.channels,
        mean=mean,
        std=std,
        labels_file=LABELS_FILE,
        other_files=[INFO_FILE, *examples, *listed],
    )
    document = {
        "format": FORMAT,
        "flatbuffer_sha256": hashlib.sha256(described).hexdigest(),
        **asdict(info),
        "golden": [{"image": name, "outputs": example.outputs} for name, example in zip(examples, golden, strict=True)],
    }
    text_of_info = json.dumps(document, ensure_ascii=False, indent=1).encode()
    content = _append_zip(described, {LABELS_FILE: text, INFO_FILE: text_of_info, **examples, **listed})
    write_atomically(path, content)
    return _parse(path, content, None)


def _append_zip(flatbuffer: bytes, files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), data)
    return buffer.getvalue()


def read_model(path: str | Path, labels: Sequence[str] | None = None, *, input_range: str | None = None) -> ModelFile:
    """Read and check a model file; `labels` replaces what it carries.

    `input_range` is for the float input of a model from another tool, see `ModelFile`.

    Raises InputNotFound, IoFailed (unreadable), BadModel (not TFLite, damaged, made by a newer edgecls, no labels), and
    UsageError for an `input_range` where the file says how pixels are fed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFound(f"no model at {path}: check the path, or make one with edgecls convert") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read the model {path}") from error
    return _parse(path, data, labels, input_range)


def _parse(path: Path, data: bytes, labels: Sequence[str] | None, input_range: str | None = None) -> ModelFile:
    if data[4:8] != _IDENTIFIER:
        raise BadModel(f"{path} is not a TFLite model: expected a .tflite file, as edgecls convert writes it")
    files, flatbuffer = _read_zip(path, data)
    if INFO_FILE not in files and INFO_FILE.encode() in data:  # the metadata name a file that should stand at the end
        raise BadModel(f"{path} is damaged: its end is missing: copy it again")
    info, golden = _read_info(path, files, flatbuffer)
    metadata = None if info else _read_metadata(path, flatbuffer)
    if input_range and (info or (metadata and metadata.normalization)):
        raise UsageError(f"{path} carries the range of its input: leave out the range that was named")
    carried: Sequence[str] = ()
    if labels is None or info:
        try:
            carried = _read_labels(files, metadata)
        except BadData as error:
            raise BadModel(f"{path}: {error} (pass --labels FILE to replace the labels)") from error
    if labels is None and not carried:
        raise BadModel(f"{path} carries no labels: pass --labels FILE, a text file with one label a line")
    digest = hashlib.sha256(data).hexdigest()
    model = ModelFile(
        path, digest, len(data), tuple(carried), info, golden, metadata, input_range, files.get(IMAGES_FILE, b"")
    )
    return model if labels is None else model.with_labels(labels)


def _read_metadata(path: Path, flatbuffer: memoryview) -> ImageMetadata | None:
    try:
        return read_image_metadata(bytes(flatbuffer))
    except BadModel as error:
        raise BadModel(f"{path} is damaged: {error}: copy it again") from error


def _read_zip(path: Path, data: bytes) -> tuple[dict[str, bytes], memoryview]:
    """Return (the appended files: name -> content, the flatbuffer before them)."""
    buffer = io.BytesIO(data)
    try:
        if not zipfile.is_zipfile(buffer):
            return {}, memoryview(data)
        with zipfile.ZipFile(buffer) as archive:
            begin = min((entry.header_offset for entry in archive.infolist()), default=len(data))
            return {name: archive.read(name) for name in archive.namelist()}, memoryview(data)[:begin]
    except _ZIP_ERRORS as error:
        raise BadModel(f"{path} is damaged ({error}): copy it again") from error


_ZIP_ERRORS = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""The errors that `zipfile` raises for a damaged file."""


def _read_info(
    path: Path, files: Mapping[str, bytes], flatbuffer: memoryview
) -> tuple[ModelInfo | None, tuple[GoldenExample, ...]]:
    if INFO_FILE not in files:
        return None, ()
    try:
        document = json.loads(files[INFO_FILE])
        if document.pop("format") > FORMAT:
            raise BadModel(f"{path} was made by a newer edgecls: upgrade edgecls on this machine")
        # A flipped bit in the flatbuffer passes the interpreter's own check, and then may crash the whole process.
        if document.pop("flatbuffer_sha256") != hashlib.sha256(flatbuffer).hexdigest():
            raise BadModel(f"{path} is damaged: the network is not the one that was written: copy it again")
        golden = tuple(
            GoldenExample(files[example["image"]], tuple(map(float, example["outputs"])))
            for example in document.pop("golden")
        )
        document["preprocessing"] = Preprocessing(**document["preprocessing"])
        return ModelInfo(**document), golden
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadModel(f"{path} is damaged: its {INFO_FILE} cannot be read ({error}): copy it again") from error


def _read_labels(files: Mapping[str, bytes], metadata: ImageMetadata | None) -> list[str]:
    """Return the labels of an edgecls model exactly; else of the file that the metadata name, or of the only text file."""
    if INFO_FILE in files and LABELS_FILE in files:
        return split_labels(files[LABELS_FILE])
    named = [name for name in (metadata.label_files if metadata else ()) if name in files]
    texts = [name for name in files if name.endswith(".txt")]
    name = LABELS_FILE if LABELS_FILE in files else next(iter(named), texts[0] if len(texts) == 1 else None)
    return read_label_lines(files[name]) if name else []


def read_labels(path: str | Path) -> list[str]:
    """Return the labels of the text file at `path`, see `labels.read_label_lines`.

    Raises InputNotFound, IoFailed (unreadable) and BadData.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    try:
        return read_label_lines(data)
    except BadData as error:
        raise BadData(f"{path}: {error}") from error


def split_labels(data: bytes) -> list[str]:
    """Return the labels of a file that edgecls wrote: one a line, empty lines left out, nothing else changed.

    Raises BadModel if it is not UTF-8.
    """
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadModel("the label file is not UTF-8 text: save it as UTF-8, one label a line") from error
    return [line.rstrip("\r") for line in lines if line.strip()]
