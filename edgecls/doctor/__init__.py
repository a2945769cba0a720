"""Checks of this device: the command `edgecls doctor`.

One check is one function, one theme one file, and `checks.CHECKS` is the table of them. Nothing here imports numpy, OpenCV or a
runtime: what may be broken is tried in a process of its own (`run_isolated`).
"""
