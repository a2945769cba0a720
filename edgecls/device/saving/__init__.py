"""Frames kept as files, within budgets."""
