"""Format the checks for a terminal and as a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Check:
    """One condition that must hold on a device, and the observed values."""

    name: str
    ok: bool
    seen: str

    def __str__(self) -> str:
        return f"{'ok    ' if self.ok else 'FAILED'} {self.name}: {self.seen}"


def checks_from(evidence: Path) -> list[Check]:
    """Read the checks that the device has written so far; skip a line that a power cut truncated."""
    checks = []
    for line in evidence.read_text().splitlines() if evidence.exists() else []:
        try:
            values = json.loads(line)
        except ValueError:
            continue
        checks.append(Check(values["check"], values["ok"], values["seen"]))
    return checks


def page(title: str, checks: Sequence[Check], seconds: Mapping[str, float]) -> str:
    """Return a Markdown section: a table of the checks, and one of the times."""
    lines = [f"## {title}", "", "| | check | seen |", "| --- | --- | --- |"]
    lines += [
        f"| {'ok' if check.ok else '**FAILED**'} | {_cell(check.name)} | {_cell(check.seen)} |" for check in checks
    ]
    lines += ["", "| step | s |", "| --- | --- |", *(f"| {step} | {took:.0f} |" for step, took in seconds.items()), ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
