"""Times of rows that were written while the clock was wrong."""
