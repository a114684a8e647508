"""`python3 deploy/local <command>`: the real stack without containers, and the services on it."""

import sys

from local_stack.cli import main

sys.exit(main(sys.argv[1:]))
