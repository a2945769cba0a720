"""The databases of several devices, made into one."""
