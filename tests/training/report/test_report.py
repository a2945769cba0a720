import os
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pytest
from image_folders import image, write_folder
from made_conversion import conversion, without_files

from edgecls.errors import IoFailed
from edgecls.progress import Progress
from edgecls.training.data.dataset import read_dataset
from edgecls.training.data.problems import Problem
from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.gate import Rejected
from edgecls.training.report import write_report

pytestmark = pytest.mark.slow

SECTIONS = (
    "data", "training", "classes", "confusion", "quantization", "scores", "thresholds", "mistakes", "time", "settings",
    "versions",
)  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7 * 7 }}&amp;"
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Elements, attributes and text; fails where tags are not nested."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_bytes().decode()
        self.open, self.tags, self.ids, self.addresses, self.words = [], [], [], [], []
        self.feed(self.source)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value)
            if name in {"src", "href", "xlink:href", "srcset", "data", "action"}:
                self.addresses.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data):
        self.words.extend(data.split())

    @property
    def text(self):
        return " ".join(self.words)


def report(folder, made):
    return Page(write_report(folder, made))


def dataset(root, labels, count=12):
    write_folder(root, dict.fromkeys(labels, count))
    return read_dataset(root, None, 0, Progress())


@pytest.fixture
def colours_made(colours):
    return conversion(read_dataset(colours, None, 0, Progress()), wrong=(0, 3), float_wrong=(3, 5))


@pytest.fixture
def page(tmp_path, colours_made):
    return report(tmp_path / "report", colours_made)


def test_a_report_has_all_sections(page):
    assert [name for name in page.ids if name in SECTIONS] == list(SECTIONS)
    assert page.tags.count("svg") == 5


@pytest.mark.parametrize(
    "figure",
    [
        "The upper third was fine-tuned, since that fits the time budget.",
        "It changes the calibration error from 8.2 % to 3.1 % on the validation images",
        "from 9.1 % to 4.2 % on the test images (float)",
        "using 812 MB of memory",
        "3.50 MB",
        "training head 2.5 quantizing to int8 7.5 total 10.0",
        "seed 7 training.epochs 60 training.learning_rate 0.0002",
        "edgecls 1.2.3 tensorflow 2.21",
        "2 0.27 sgd 1 0.31 adamw",
        "images (90 % interval",
        "2 answers differ: 1 became wrong, 1 became right",
        "ab" * 32,
    ],
)
def test_a_report_tells(page, figure):
    assert figure in page.text


def test_a_report_counts_the_images(page, colours_made):
    counts = colours_made.dataset.counts()
    for label in ("blue", "green", "red"):
        row = " ".join(str(counts[split][label]) for split in ("train", "validation", "test"))
        assert f"{label} {row}" in page.text


def test_a_report_shows_the_mistakes_three_times_and_the_flips_once(page):
    assert len([address for address in page.addresses if address.startswith("data:image/jpeg")]) == 2 * 3 + 2


def test_a_report_needs_no_other_file(page):
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    for outside in ("http://", "https://", "@import", "file:"):
        assert outside not in page.source
    assert page.source.count("url(") == page.source.count("url(#")


def test_links_inside_a_report_lead_somewhere(page):
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)


def test_the_same_conversion_gives_the_same_bytes(tmp_path, colours_made):
    first, second = (write_report(tmp_path / name, colours_made).read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_report_leaves_no_settings_behind(tmp_path, colours_made):
    before = dict(mpl.rcParams)
    write_report(tmp_path / "report", colours_made)
    assert dict(mpl.rcParams) == before


def test_names_are_text_whatever_they_say(tmp_path):
    folder = tmp_path / "images"
    write_folder(folder, dict.fromkeys((HOSTILE, "red"), 12))
    for path in sorted((folder / HOSTILE).iterdir()):
        path.rename(path.with_name(f"{HOSTILE}{path.name}"))
    made = conversion(
        read_dataset(folder, None, 0, Progress()),
        wrong=(0, 1, 2),
        plan=HOSTILE,
        settings={HOSTILE: HOSTILE},
        seconds={HOSTILE: 1.0},
        trials=({HOSTILE: HOSTILE},),
    )
    problem = Problem("few images", HOSTILE)
    object.__setattr__(made.dataset, "problems", (problem,))
    object.__setattr__(made.dataset, "skipped", ((Path(HOSTILE), HOSTILE),))
    page = report(tmp_path / "report", made)
    assert "<img src=x" not in page.source
    assert page.text.count(HOSTILE) > 20


@pytest.mark.parametrize("label", ["\u732b", "\u0642\u0637\u0629", "\U0001f408", "a $x^2$ b", "naïve"])
def test_labels_may_be_in_any_script(tmp_path, label):
    page = report(tmp_path / "report", conversion(dataset(tmp_path / "images", (label, "red")), wrong=(0, 1)))
    assert page.text.count(label) > 5


def test_a_file_name_need_not_be_text(tmp_path):
    root = write_folder(tmp_path / "images", {"blue": 12, "red": 12})
    for path in root.glob("*/*.png"):
        os.rename(path, os.fsencode(path.parent) + b"/\xff" + path.name.encode())
    page = report(tmp_path / "report", conversion(read_dataset(root, None, 0, Progress()), wrong=(0,)))
    assert r"\udcff" in page.text


def test_no_mistakes(tmp_path, colours):
    page = report(tmp_path / "report", conversion(read_dataset(colours, None, 0, Progress())))
    assert "every test image was classified correctly" in page.text
    assert "The recall of no class changed." in page.text
    assert "Accuracy is 100.0 % in float and 100.0 % in int8: a loss of 0.0 points on" in page.text
    assert "img" not in page.tags


def test_a_model_that_was_written_instead_of_another_says_so(tmp_path, colours):
    made = conversion(read_dataset(colours, None, 0, Progress()), wrong=(0, 1, 2))
    made.rejected = Rejected("int8", Path("colours.tflite"), made.gate, refit_tried=True)
    page = report(tmp_path / "report", made)
    assert f"Not int8: int8 loses {100 * made.gate.drop:+.1f} points of accuracy (90 % interval" in page.text
    assert "even with a refitted head" in page.text


def test_a_loss_of_one_image_is_called_that(tmp_path, colours):
    data = read_dataset(colours, None, 0, Progress())
    page = report(tmp_path / "report", conversion(data, wrong=(0,)))
    assert f"a loss of +{100 / len(data.of('test')):.1f} points (one image) on" in page.text
    page = report(tmp_path / "report", conversion(read_dataset(colours, None, 0, Progress()), wrong=(0,), max_drop=0.2))
    assert "one image" not in page.text


def test_what_was_tried_and_what_was_forced(tmp_path, colours):
    changes = {"passed": False, "refit_tried": True, "head_refitted": True}
    page = report(tmp_path / "report", conversion(read_dataset(colours, None, 0, Progress()), wrong=(0, 1), **changes))
    assert "so the head was refitted to the int8 features." in page.text
    assert "This model has the refitted head" in page.text
    assert "Forced: quantization loses more than the allowed +1.0 points." in page.text


def test_short_labels_stand_upright(tmp_path):
    for labels, upright in ((("0", "10"), True), (("red", "blue"), False)):
        page = report(tmp_path / labels[0], conversion(dataset(tmp_path / f"images {labels[0]}", labels), wrong=(0,)))
        assert ('class="matrix upright"' in page.source) == upright


def test_labels_that_are_never_answered_are_named_at_the_top(page):
    assert page.text.index("blue is never answered: its ") < page.text.index("Data set")


def test_one_image_and_one_mistake(tmp_path):
    samples = [Sample(tmp_path / f"{n}.png", "red", "test") for n in range(1)]
    samples += [Sample(tmp_path / f"{n}.png", label, "train") for n in range(2) for label in ("blue", "red")]
    samples[0].path.write_bytes(image("red"))
    page = report(tmp_path / "report", conversion(without_files(samples), wrong=(0,)))
    assert page.tags.count("img") == 4


def test_a_report_of_images_that_are_gone(tmp_path):
    samples = [
        Sample(tmp_path / f"{n}.png", label, split)
        for n in range(3)
        for label in ("blue", "red")
        for split in ("train", "test")
    ]
    page = report(tmp_path / "report", conversion(without_files(samples), wrong=(0, 1)))
    assert "img" not in page.tags
    assert "no picture" in page.text


def test_a_thousand_classes_make_no_endless_page(tmp_path):
    samples = [
        Sample(tmp_path / f"{n}.png", f"class {n:04}", split) for n in range(1000) for split in ("train", "test")
    ]
    made = conversion(without_files(samples), wrong=range(0, 1000, 3))
    page = report(tmp_path / "report", made)
    assert len(page.source) < 400_000
    assert "50 of 1000 are shown" in page.text
    assert "20 of 1000 are shown" in page.text
    assert "8 of 1000 are shown" in page.text
    assert "12 of 334 are shown" in page.text


def test_nothing_that_may_be_missing_is_needed(tmp_path, colours):
    made = conversion(read_dataset(colours, None, 0, Progress()), history=(), trials=(), seconds={}, settings={})
    page = report(tmp_path / "report", made)
    assert "No epochs were recorded." in page.text
    assert "Search" not in page.text


def test_a_report_that_cannot_be_written(tmp_path, colours_made):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(IoFailed, match="taken"):
        write_report(tmp_path / "taken", colours_made)
