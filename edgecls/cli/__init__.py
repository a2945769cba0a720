"""The commands: each parses its options, builds the objects and calls one function of a package below."""
