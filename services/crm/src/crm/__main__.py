"""`python -m crm` serves."""

from common.service import run
from crm.main import build
from crm.settings import Settings

if __name__ == "__main__":
    run(Settings(), build)
