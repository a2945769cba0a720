"""What people would run instead: each a program that knows nothing of edgecls, in an environment of its own."""
