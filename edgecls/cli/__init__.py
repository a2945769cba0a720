"""The commands: a thin layer that parses, builds the objects and calls one function. One file a wing."""
