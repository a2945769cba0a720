"""Whether what a model answers has changed."""
