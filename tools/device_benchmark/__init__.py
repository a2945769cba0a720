"""The parts of `tools/benchmark_device.py`: images, sides, loads, table."""
