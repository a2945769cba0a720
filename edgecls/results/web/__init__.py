"""The results database in a browser: Datasette over the read-only file, with the pages of `pages` in front.

`site` is the application and `server` listens. Needs the extra `serve`.
"""
