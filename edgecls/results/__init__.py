"""The results wing: one writer (`store`), any number of readers (`queries`), one schema between them (`schema`).

Beside these, what keeps the file sound and of one size for years: `health`, `retention`, `backup`. In folders, what is
made of the rows: `asking`, `serve` in a browser, `next_model`, `drift`, `many_devices`, and the `clock` they were of.
"""
