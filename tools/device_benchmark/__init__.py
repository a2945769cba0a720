"""What `tools/benchmark_device.py` is made of: the files, the sides, the loads, the table."""
