import cv2
import numpy as np
import pytest
from image_folders import write_csv
from pictures import encode, noise

from edgecls.progress import Progress
from edgecls.training.data.dataset import read_dataset
from edgecls.training.data.near_duplicates import find_pairs

pytest.importorskip("imagehash")

SPLIT_OF = {0: "test", 1: "validation"}


def write(root, pictures):
    """{(class, split, number): RGB pixels} -> a data set of JPEG files and its split file."""
    rows = []
    for (label, split, number), rgb in pictures.items():
        (root / label).mkdir(exist_ok=True)
        name = f"{label}/{split}{number}.jpg"
        (root / name).write_bytes(encode(rgb, ".jpg"))
        rows.append(f"{name},{label},{split}")
    return root, write_csv(root / "s.csv", "file,class,split", *rows)


def photographs(width=160, height=120):
    """24 of each of two classes, no two alike."""
    keys = [(label, SPLIT_OF.get(n % 4, "train"), n) for label in ("a", "b") for n in range(24)]
    return {key: noise(width, height, seed) for seed, key in enumerate(keys)}


def again(rgb):
    """The next shot of a burst: a little brighter, a little to the side, noisier."""
    shifted = np.roll(rgb, 2, axis=1).astype(float) * 1.1 + np.random.default_rng(0).normal(0, 6, rgb.shape)
    return shifted.clip(0, 255).astype(np.uint8)


def found(root, pictures):
    data = read_dataset(*write(root, pictures), 0, Progress())
    return data, [tuple(path.name for path in problem.paths) for problem in data.of_kind("near duplicates")]


def test_shots_of_one_burst_in_two_splits_are_told(tmp_path, caplog):
    pictures = photographs()
    pictures["a", "test", 0] = again(pictures["a", "train", 2])
    pictures["b", "validation", 1] = again(pictures["b", "train", 3])
    pictures["a", "test", 4] = cv2.resize(pictures["a", "validation", 5], (640, 480))
    pictures["b", "train", 6] = again(pictures["b", "train", 7])  # in one split: no harm
    data, pairs = found(tmp_path, pictures)
    assert sorted(pairs) == [
        ("test0.jpg", "train2.jpg"),
        ("test4.jpg", "validation5.jpg"),
        ("validation1.jpg", "train3.jpg"),
    ]
    assert data.skipped == ()
    assert caplog.records[0].message == (
        f"3 images are nearly the same as one in another split, which flatters the figures: put each pair into one group "
        f"(first: {tmp_path}/a/test0.jpg and {tmp_path}/a/train2.jpg); --verbose lists all"
    )
    assert data.of_kind("near duplicates")[0].message == (
        f"{tmp_path}/a/test0.jpg (test) is nearly the same picture as {tmp_path}/a/train2.jpg (train), "
        "so the figures are too good: put both into one group"
    )


def test_nearly_the_same_under_two_labels_is_a_contradiction(tmp_path):
    """In two splits or in one: a group would not mend it."""
    pictures = photographs()
    pictures["a", "test", 0] = again(pictures["b", "train", 3])
    pictures["b", "train", 7] = again(pictures["a", "train", 6])
    data, pairs = found(tmp_path, pictures)
    assert pairs == []
    told = data.of_kind("nearly the same, two labels")
    assert [[path.name for path in problem.paths] for problem in told] == [
        ["test0.jpg", "train3.jpg"],
        ["train7.jpg", "train6.jpg"],
    ]
    assert told[0].message == (
        f"{tmp_path}/a/test0.jpg (test) is labelled 'a' and {tmp_path}/b/train3.jpg (train), nearly the same picture, "
        "'b': if both show the same object, a label is wrong"
    )


def test_a_large_file_is_compared_by_a_reduced_decode(tmp_path):
    pictures = photographs()
    grain = np.random.default_rng(1).normal(0, 20, (600, 800, 3))
    large = cv2.resize(pictures["a", "train", 2], (800, 600)) + grain
    pictures["a", "test", 0] = large.clip(0, 255).astype(np.uint8)
    assert found(tmp_path, pictures)[1] == [("test0.jpg", "train2.jpg")]
    assert (tmp_path / "a" / "test0.jpg").stat().st_size > 65536


def test_pictures_that_are_all_alike_are_not_told_those_that_are_the_same_are(tmp_path):
    """One camera and one pose: the hashes agree, and the thing differs a little."""
    scene = noise(160, 120, 1000)
    pictures = {key: (0.85 * scene + 0.15 * rgb).astype(np.uint8) for key, rgb in photographs().items()}
    assert found(tmp_path, pictures)[1] == []
    pictures["a", "test", 0] = (0.8 * pictures["a", "train", 2] + 20).astype(np.uint8)
    assert found(tmp_path, pictures)[1] == [("test0.jpg", "train2.jpg")]


def test_small_and_plain_pictures_are_not_compared(tmp_path):
    pictures = photographs(40, 40)
    pictures["a", "test", 0] = again(pictures["a", "train", 2])
    pictures["a", "test", 4] = np.full((120, 160, 3), 20, np.uint8)
    pictures["a", "train", 6] = np.full((120, 160, 3), 21, np.uint8)
    assert found(tmp_path, pictures)[1] == []


def arrays(count, seed=0):
    chance = np.random.default_rng(seed)
    return chance.random((count, 64)) < 0.5, chance.integers(0, 256, (count, 16, 16), np.uint8)


def test_pairs_are_of_different_splits_the_lower_second():
    bits, thumbnails = arrays(600)
    ranks = np.arange(600) % 3
    bits[300:] = bits[:300]
    thumbnails[300:] = thumbnails[:300]
    assert find_pairs(bits, thumbnails, ranks, np.zeros(len(ranks), int)) == []
    ranks[300:] = np.arange(300, 600) // 3 % 3
    pairs = find_pairs(bits, thumbnails, ranks, np.zeros(len(ranks), int))
    assert sorted(map(sorted, pairs)) == [[n, n + 300] for n in range(300) if ranks[n] != ranks[n + 300]]
    assert all(ranks[first] > ranks[second] for first, second in pairs)


@pytest.mark.parametrize(("flipped", "told"), [(10, True), (11, False)])
def test_the_hashes_may_differ_by_some_bits(flipped, told):
    bits, thumbnails = arrays(50)
    bits[1], thumbnails[1] = bits[0], thumbnails[0]
    bits[1, :flipped] ^= True
    ranks = np.zeros(50, int)
    ranks[0] = 2
    assert find_pairs(bits, thumbnails, ranks, np.zeros(len(ranks), int)) == ([(0, 1)] if told else [])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_pictures_or_one(count):
    bits, thumbnails = arrays(1)
    assert (
        find_pairs(bits.repeat(count, 0), thumbnails.repeat(count, 0), np.arange(count) % 3, np.zeros(count, int)) == []
    )
