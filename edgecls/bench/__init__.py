"""How fast a model is on this device, stage by stage and in the daemon: what `edgecls bench` measures."""
