"""The TOML file of `edgecls run`: what can be set, and what is said of what cannot."""
