from database_fixtures import path, read, store  # noqa: F401
