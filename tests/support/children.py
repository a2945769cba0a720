"""Child processes: they import the edgecls that is installed, as the tests do, and not the source tree beside them."""

import os


def import_path(*folders):
    """PYTHONPATH with `folders` before what is in it."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
