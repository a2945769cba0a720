"""Child processes that import the installed edgecls, as the tests do, not the source tree beside them."""

import os


def import_path(*folders):
    """Return PYTHONPATH with `folders` in front."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
