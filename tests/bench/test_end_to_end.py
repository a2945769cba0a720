"""The daemon, run as a child."""

import shutil

import pytest
from pictures import picture

from edgecls.bench import end_to_end
from edgecls.bench.benchmark import Machine, Measured, notes
from edgecls.bench.comparison import compare
from edgecls.bench.end_to_end import EndToEnd, ThreadSettings, fill, image_count, plans, thread_counts
from edgecls.bench.pictures import ImageSet
from edgecls.bench.stages import Stage
from edgecls.bench.timing import Timing
from edgecls.errors import IoFailed

LOAD = ImageSet("two", (picture("red"), picture("blue", ".jpg")), (".png", ".jpg"))


def test_a_run(tiny_model, tmp_path):
    fill(tmp_path / "inbox", LOAD, 24)
    found = end_to_end.end_to_end(tiny_model, LOAD, tmp_path / "inbox", ThreadSettings(threads=1))
    assert (found.of, found.plan, found.images) == ("two", "1", 24)
    assert 0 <= found.median_ms <= found.p99_ms
    assert found.mean_ms == pytest.approx(1000 / found.per_second)
    assert 20 < found.peak_mib < 1000
    assert found.first_row_s > 0
    assert [path.name for path in tmp_path.iterdir()] == ["inbox"]


def test_a_daemon_that_cannot_continue_is_reported_and_ended(tiny_model, tmp_path):
    fill(tmp_path / "inbox", LOAD, 2)
    shutil.rmtree(tmp_path / "inbox")
    with pytest.raises(IoFailed, match=r"the daemon ended with code 66 \(.*no folder.*\): try it with edgecls run"):
        end_to_end.end_to_end(tiny_model, LOAD, tmp_path / "inbox", ThreadSettings())


def test_plans_use_all_cores_in_every_way():
    assert list(map(str, plans(4))) == ["own choice", "1 x 1", "1 x 2", "1 x 3", "1 x 4", "2 x 2", "3 x 1", "4 x 1"]


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 3, 4]), (6, [1, 2, 3, 4, 6]), (16, [1, 2, 3, 4, 8, 16])]
)
def test_threads_that_are_tried(cores, counts):
    assert thread_counts(cores) == counts


def test_how_many_images_are_run():
    assert image_count(LOAD, ms=10, seconds=4) == 400
    assert image_count(LOAD, ms=0.01, seconds=4) == 3000
    assert image_count(ImageSet("large", (bytes(10**7),), (".jpg",)), ms=10, seconds=4) == 31
    assert image_count(LOAD, ms=5000, seconds=4) == 20


def timing(**changes):
    values = {"median_ms": 2.0, "p99_ms": 3.0, "per_second": 500.0, "cpu_ms": 2.0, "spread": 0.1, "count": 20}
    return Timing(**{**values, **changes})


@pytest.fixture
def measured(tiny_model):
    def measured(**changes):
        stages = [Stage("decode+resize", "two", timing()), Stage("infer", "1 thread", timing(**changes))]
        run = EndToEnd("two", "own choice", 20, 4.0, 4.0, 5.0, 250.0, 100.0, 0.5)
        return Measured(tiny_model, "litert", [], stages, [], [run])

    return measured


def test_two_models(measured):
    ratios = {each.figure: each.ratio for each in compare(measured(), measured(median_ms=3.0))}
    assert ratios == {
        "file, MB": 1.0,
        "decode+resize two, ms": 1.0,
        "infer 1 thread, ms": 1.5,
        "two, own choice, images/s": 1.0,
        "peak memory, MiB": 1.0,
        "first row, s": 1.0,
    }


def test_what_to_know_before_figures_are_believed(measured):
    quiet = Machine("x86_64", 2, 0.1, "3.11", "0.1.0", "/var/tmp", "ext4")
    assert notes(quiet, [measured()]) == []
    loud = Machine("x86_64", 2, 3.0, "3.11", "0.1.0", "/tmp", "tmpfs")
    busy, memory, noisy = notes(loud, [measured(spread=0.8)])
    assert "load average 3.0" in busy
    assert "set TMPDIR" in memory
    assert noisy.endswith("infer 1 thread (80%)")
