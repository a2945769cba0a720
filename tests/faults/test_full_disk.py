"""A disk that fills up, again and again, under a daemon that saves frames on it."""

import time

import cv2
import pytest
from pictures import encode, noise

FILES, FULL, MORE_KIB = 240, 4, 512


@pytest.fixture
def images():
    """Coarse noise enlarged: some 10 KB each as JPEG."""
    return [
        encode(cv2.resize(noise(60, 40, n), (480, 320)), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95) for n in range(FILES)
    ]


def test_a_disk_that_fills_up_four_times(place, counted, tiny_model, until, disk, images):
    place.database = disk.folder / "results.db"
    place.configure(
        tiny_model.path,
        'path = "inbox"', "settle_seconds = 0.1", 'after = "delete"',
        top=f'database = "{place.database}"', more='[saved_frames]\nkeep = "all"',
    )  # fmt: skip
    for n, image in enumerate(images):
        place.put(f"{n}.jpg", image)
    stood_still = []
    with place.daemon() as process:
        for full in range(1, FULL + 1):
            until(lambda full=full: len(place.log_lines("retrying; nothing is dropped")) == full, 60)
            before = place.count()
            assert len(place.files()) == FILES - before
            time.sleep(6)  # longer than the longest pause between two tries
            assert (place.count(), len(place.files())) == (before, FILES - before)
            assert len(place.log_lines("retrying; nothing is dropped")) == full
            stood_still.append(before)
            disk.resize(512 + full * MORE_KIB if full < FULL else 65536)
            until(lambda full=full: len(place.log_lines("available again")) == full, 60)
        until(lambda: not place.files(), 60)
        process.terminate()
        assert process.wait(30) == 0
    assert "Traceback" not in place.log.read_text()
    assert place.count() == place.count("DISTINCT key") == FILES
    assert place.is_whole()
    paths = {path for (path,) in place.ask("SELECT path FROM results WHERE error IS NULL")}
    own = {f"{place.database}{end}" for end in ("", "-wal", "-shm")} | {f"{disk.folder}/.{place.database.name}.lock"}
    saved = {str(path) for path in disk.folder.rglob("*") if path.is_file()} - own
    assert paths == saved
    assert all(cv2.imread(path) is not None for path in paths)
    counted(
        "a disk that fills up under database and saved frames",
        f"{FULL} times, after {', '.join(map(str, stood_still))} rows",
        f"said once each time; it waits, and goes on when there is room; {FILES} files, {FILES} rows, {len(saved)} saved "
        "frames, none of them half",
    )
