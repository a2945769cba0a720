"""The results database: its schema, the one writer, the readers' connection, and what keeps the file sound for years."""
