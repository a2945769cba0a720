"""The device wing: images in, rows out. Nothing here needs TensorFlow."""
