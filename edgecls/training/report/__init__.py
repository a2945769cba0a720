"""The report of a conversion: one self-contained HTML file."""

from edgecls.training.report.report import write_report

__all__ = ["write_report"]
