"""`python -m labelloop.sandbox.server --data DIR --port N`."""

import argparse
import os
import sys
from pathlib import Path

from labelloop.core.errors import LabelloopError
from labelloop.sandbox.server.process import Options, serve


def parse(arguments: list[str]) -> Options:
    """The options of a command line. A password may also come by environment, where no process list shows it."""
    parser = argparse.ArgumentParser(prog="python -m labelloop.sandbox.server", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds all state")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port (default)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; loopback unless you know better")
    parser.add_argument("--anonymous-limit", type=int, default=300, help="anonymous requests a minute; 0 for no limit")
    parser.add_argument("--user", help="name of the user instead of 'sandbox'")
    given = os.environ.get("LABELLOOP_SANDBOX_PASSWORD")
    parser.add_argument("--password", default=given, help="password of the user instead of a random one")
    return Options(**vars(parser.parse_args(arguments)), fault_key=os.environ.get("LABELLOOP_SANDBOX_FAULT_KEY"))


def main() -> int:
    """Serve until told to stop.

    Returns:
        The exit status.
    """
    try:
        serve(parse(sys.argv[1:]))
    except LabelloopError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
