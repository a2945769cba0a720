"""Benchmark of models on this device, stage by stage and in the daemon: the command `edgecls bench`."""
