"""Bytes of an image file or a camera frame to model-sized uint8 pixels: one copy for training, measuring and the device."""
