"""The configuration of `edgecls run`: the TOML file, its settings, and the messages about its problems."""
