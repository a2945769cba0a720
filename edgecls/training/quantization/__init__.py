"""From a Keras network to a TFLite flatbuffer in the precision asked for."""
