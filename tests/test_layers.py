"""The rooms of the house: each imports only from the rooms below it, and none in circles. The floors are in pyproject.toml."""

import pytest
from paths import ROOT

cli = pytest.importorskip("importlinter.cli", reason="needs the extra `dev`")


def test_no_room_imports_from_a_room_above_it(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    broken = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert broken == 0, capsys.readouterr().out
