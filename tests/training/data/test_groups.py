import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_folders import write_csv, write_folder

from edgecls.errors import UsageError
from edgecls.progress import Progress
from edgecls.training.data.dataset import SPLITS, read_dataset
from edgecls.training.data.groups import find_groups
from edgecls.training.data.read_split import read_split
from edgecls.training.data.samples import read_samples

ROOT = Path("photos")
PATHS = [ROOT / "cat" / "tom_1.jpg", ROOT / "cat" / "tom_2.jpg", ROOT / "dog" / "rex.jpg"]


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"(\w+)_\d", ["tom", "tom", None]),
        (r"^cat/(\w+)_\d", ["tom", "tom", None]),
        (r"^[a-z]+", ["cat", "cat", "dog"]),
        (r"(tom)|rex", ["tom", "tom", None]),
    ],
)
def test_the_first_parenthesis_or_all_that_matches(pattern, groups):
    assert find_groups(PATHS, ROOT, pattern) == groups


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", r"--group-by '\(' is not a valid regular expression \(.*\)"),
        ("zebra", "--group-by 'zebra' matches no file, not even cat/tom_1.jpg"),
        ("", "matches no file"),
    ],
)
def test_patterns_that_cannot_be_meant(pattern, said):
    with pytest.raises(UsageError, match=said):
        find_groups(PATHS, ROOT, pattern)


@given(st.text(max_size=12))
def test_any_pattern_gives_groups_or_an_error_of_ours(pattern):
    with contextlib.suppress(UsageError):
        assert len(find_groups(PATHS, ROOT, pattern)) == 3


@pytest.fixture
def bursts(tmp_path):
    """Eight bursts of three photographs in each of two classes."""
    root = write_folder(tmp_path / "data", {"blue": 24, "red": 24})
    for path in sorted(root.glob("*/*.png")):
        path.rename(path.with_name(f"burst{int(path.stem) // 3}_{int(path.stem) % 3}.png"))
    return root


def test_a_burst_stays_together_and_is_found_again(bursts):
    pattern = r"^(.*)_\d"
    data = read_dataset(bursts, None, 1, Progress(), group_by=pattern)
    splits = {}
    for sample in data.samples:
        splits.setdefault(sample.group, set()).add(sample.split)
    assert len(splits) == 16
    assert all(len(found) == 1 for found in splits.values())
    listed = data.image_list()
    for split in SPLITS:
        assert list(
            read_split(bursts, None, split, Progress(), group_by=pattern, model_images=listed).samples
        ) == data.of(split)


def test_in_a_csv_the_path_is_relative_to_the_folder_it_is_in(tmp_path):
    table = write_csv(tmp_path / "t.csv", "path,label", "x/tom_1.png,cat", "../far/rex.png,dog")
    assert [sample.group for sample in read_samples(table, group_by="^(.*)/")] == ["x", "../far"]


def test_groups_are_given_once(tmp_path):
    table = write_csv(tmp_path / "t.csv", "path,label,group", "1.png,cat,a", "2.png,dog,")
    with pytest.raises(UsageError, match="groups are given twice, in a column `group` and by --group-by: use one"):
        read_samples(table, group_by="1")
