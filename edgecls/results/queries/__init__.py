"""The query engine: filters, rows, counts and statistics. The commands and the web pages use it alike."""
