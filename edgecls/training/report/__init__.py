"""What a conversion did and how good its model is, as one HTML file that needs nothing beside it."""

from edgecls.training.report.report import write_report

__all__ = ["write_report"]
