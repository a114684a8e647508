"""`python -m notifications` serves."""

from common.service import run
from notifications.main import build
from notifications.settings import Settings

if __name__ == "__main__":
    run(Settings(), build)
