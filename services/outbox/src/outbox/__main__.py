"""`python -m outbox` serves."""

from common.service import run
from outbox.main import build
from outbox.settings import Settings

if __name__ == "__main__":
    run(Settings(), build)  # pyright: ignore[reportCallIssue]  the environment gives the rest
