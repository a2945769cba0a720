"""Compare the answers of a model with its validation images or with another period."""
