"""What feeds the next model: frames worth labelling, and what people say of them."""
