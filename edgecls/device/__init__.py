"""Images in, rows out. Nothing here needs TensorFlow.

From frame to row: `sources`, `pipeline` (the loop), `classifier_pool`, `vote`, `saving`. Around it: the `configuration`,
and `running`, which opens the parts and keeps the loop alive.
"""
