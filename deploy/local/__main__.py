"""`python3 deploy/local <command>`: the real stack without containers, and the services on it."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  this file runs on whatever Python the machine has
    sys.exit("✗ Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3.11 ...")

from local_stack.cli import main

sys.exit(main(sys.argv[1:]))
