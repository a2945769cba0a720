"""Data sets: read, checked and split."""
