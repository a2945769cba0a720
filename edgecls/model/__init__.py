"""The model file: a standard .tflite with its preprocessing, labels, thresholds and golden examples."""
