"""The daemon as a unit of systemd: what `edgecls service` puts in place, and finds there."""
