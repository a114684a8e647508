"""`python -m outbox` serves; `... rotate-keyring [--check]` is for operators with a new key in `OUTBOX_KEYRING`."""

import argparse
import sys

from common.keyring import Keyring
from common.resealing import rotate
from common.service import run
from outbox.main import SEALED, build
from outbox.settings import Settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m outbox")
    commands = parser.add_subparsers(dest="command")
    ring = commands.add_parser("rotate-keyring", help="seal everything with the newest key of OUTBOX_KEYRING")
    ring.add_argument("--check", action="store_true", help="change nothing, only say what still needs older keys")
    chosen = parser.parse_args()
    settings = Settings()  # pyright: ignore[reportCallIssue]  the environment gives the rest
    if chosen.command != "rotate-keyring":
        run(settings, build)
        return 0
    tallies = rotate(settings, Keyring.parse(settings.outbox_keyring), SEALED, is_check=chosen.check)
    print(*tallies, sep="\n")  # noqa: T201  the command's answer
    return int(any(tally.need_older_keys for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
