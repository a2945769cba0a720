"""The device wing: images in, rows out. Nothing here needs TensorFlow.

From frame to row: `sources`, `daemon` (the loop), `ahead` and `classifier` with `runtimes`, `vote`, `saving`. Around it:
the `configuration`, and `running`, which opens the parts and keeps the loop alive.
"""
