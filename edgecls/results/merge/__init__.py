"""Merge the databases of several devices into one."""
