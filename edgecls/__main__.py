"""`python -m edgecls` is the program `edgecls`."""

from edgecls.cli.main import main

main()
