"""Read and write the results database, and keep the file sound for years."""
