"""The database in a browser: Datasette over the read-only file, with pages of our own (`pages`) in front.

`site` puts it together, `server` listens. Needs the extra `serve`; nothing here is imported before it is asked for.
"""
