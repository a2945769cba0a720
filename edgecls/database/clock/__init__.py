"""Detect and correct times that were written while the clock was wrong."""
