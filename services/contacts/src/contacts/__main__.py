"""`python -m contacts` serves."""

from common.service import run
from contacts.main import build
from contacts.settings import Settings

if __name__ == "__main__":
    run(Settings(), build)
