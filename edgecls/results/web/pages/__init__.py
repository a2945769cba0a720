"""The pages, one a module: a function of the site and the request, which Datasette calls for its address."""
