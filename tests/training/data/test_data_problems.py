from pathlib import Path

from edgecls.training.data.problems import warn
from edgecls.training.data.read_images import undecodable


def test_each_reason_is_shown_before_a_second_file_with_the_same_one(caplog):
    reasons = ["is damaged"] * 6 + ["is an HTML page", "is a Git LFS pointer", "is damaged"]
    warn(undecodable([(Path(f"{number}.jpg"), reason) for number, reason in enumerate(reasons)]))
    assert caplog.messages == [
        "0.jpg is damaged: left out",
        "6.jpg is an HTML page: left out",
        "7.jpg is a Git LFS pointer: left out",
        "1.jpg is damaged: left out",
        "2.jpg is damaged: left out",
        "4 more of this kind (undecodable), 9 in all",
    ]
