"""The alternatives to edgecls: independent programs, each in its own environment."""
