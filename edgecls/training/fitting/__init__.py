"""Fitting a network to images: the head on the features of the frozen backbone, then the backbone itself."""
