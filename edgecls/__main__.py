"""The program `edgecls`, also as `python -m edgecls`: what can be said of Ctrl-C before anything is imported."""

import sys


def main() -> None:
    """Run the command line. To import it takes a second, on a small computer several: Ctrl-C may come meanwhile."""
    try:
        from edgecls.cli.main import main as run
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("edgecls: error: interrupted\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
