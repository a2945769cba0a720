"""What a user calls a data set, read, checked and split."""
