"""Select frames for labelling, and store the labels that people give them."""
