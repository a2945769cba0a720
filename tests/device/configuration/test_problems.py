"""What is said of a wrong configuration: which setting was meant, where it belongs, and no words of a library."""

import itertools
import re

import pytest
from settings_reference import sections

from edgecls.device.configuration.config import read_config
from edgecls.errors import BadConfig


@pytest.fixture
def problems(tmp_path):
    """The problems of a configuration with this text, without the name of its file."""

    def problems(text):
        path = tmp_path / "edgecls.toml"
        path.write_text(text, "utf-8")
        try:
            read_config(path)
        except BadConfig as error:
            return [problem.removeprefix(f"{path}: ") for problem in error.problems]
        return []

    return problems


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ("thread", "did you mean 'threads'?"),
        ("modle", "did you mean 'model'?"),
        ("Data-Base", "did you mean 'database'?"),
        ("interpretors", "did you mean 'interpreters'?"),
        ("topk", "did you mean 'top_k'?"),
        ("saved", "did you mean 'saved_frames'?"),
        ("votes", "'votes' belongs in [vote]"),
        ("row_days", "'rows_days' belongs in [retention]"),
        ("settle", "'settle_seconds' belongs in [source] of type folder"),
        (
            "rotation",
            "'rotation' belongs in [source] of type camera or in [source] of type picamera or in [source] of type video",
        ),
        ("max_bytes", "'max_bytes' belongs in [source] of type folder or in [saved_frames]"),
        ("thresholds", "thresholds are stored in the model file: see `edgecls convert --min-precision`"),
        ("confidence", "thresholds are stored in the model file: see `edgecls convert --min-precision`"),
        ("log_level", "known: source, model, "),
        ("brightness", "known: source, model, "),
        ("x1", "known: source, model, "),
    ],
)
def test_a_setting_that_is_not_there(problems, wrong, remedy):
    (problem,) = problems(f'{wrong} = 1\n[source]\npath = "x"')
    assert problem.startswith(f"unknown setting {wrong!r} ({remedy}")


VALUES = [
    "-1", "1.5", "nan", "true", '"x"', '"\\u0000"', "[1]", "[[]]", "{ a = 1 }", "2024-01-01", "1979-05-27T07:32:00Z",
    "'http://[::1'", "99999999999999999999",
]  # fmt: skip


@pytest.mark.parametrize("section", sections(), ids=lambda section: f"{section.name}-{section.tag}")
def test_no_words_of_the_library_are_shown(problems, section):
    """Whatever is written for whichever setting."""
    source = f'[source]\ntype = "{section.tag or "camera"}"\n'
    for setting, value in itertools.product(section.settings, VALUES):
        line = f"{setting.name} = {value}\n"
        lines = {"": f"{line}{source}", "source": f"{source}{line}" * (setting.name != "type")}
        for problem in problems(lines.get(section.name, f"{source}[{section.name}]\n{line}")):
            assert not re.search(
                r"Value error|Assertion|[Ii]nput should|[Ss]hould (be|have|match)|unable to|<class|function", problem
            )
