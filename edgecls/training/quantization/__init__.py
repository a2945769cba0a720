"""Conversion of a Keras network to a TFLite flatbuffer in a given precision."""
