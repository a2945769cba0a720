"""Evaluation of a model and of the reliability of its scores."""
