"""`python -m common.kafka topics` makes the topics that are missing."""

import argparse
import asyncio

from common.kafka.topics import create_topics
from common.settings import KafkaSettings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m common.kafka")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("topics", help="create the topics that are missing")
    parser.parse_args()
    created = asyncio.run(create_topics(KafkaSettings()))
    print(f"{len(created)} topics created", *created, sep="\n  ")  # noqa: T201  the command's answer


if __name__ == "__main__":
    main()
