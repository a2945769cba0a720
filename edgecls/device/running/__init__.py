"""The daemon as a service: opened, watched, told by signals, and under systemd."""
