"""Questions to a results database: filters, and how rows, counts and figures are found among millions."""
