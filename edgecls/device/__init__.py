"""Classify the frames of a source, and write their rows to the results database. Nothing here needs TensorFlow.

The way of a frame: a source in `sources`, `pipeline`, `classifier_pool`, perhaps `vote` and `saving`, then
`edgecls.database.store`. Around it: `daemon` (open, loop, reload, close), `assembly` and `parts` (what a configuration
opens), `maintenance` (limits and upkeep between frames), `configuration`, `startup_check`, `signals`, `systemd_notify`.
"""
