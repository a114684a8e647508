"""`python -m common.kafka topics` makes the topics; `... replay TOPIC SERVICE` replays dead letters."""

import argparse
import asyncio

from common.kafka.connection import Kafka
from common.kafka.replay import replay
from common.kafka.topics import create_topics
from common.settings import KafkaSettings


async def _replay(topic: str, service: str, reason: str | None) -> int:
    kafka = Kafka(KafkaSettings())
    try:
        return await replay(kafka, topic, service, reason)
    finally:
        await kafka.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m common.kafka")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("topics", help="create the topics that are missing")
    again = commands.add_parser("replay", help="publish dead letters to their topic again")
    again.add_argument("topic")
    again.add_argument("service")
    again.add_argument("--reason", help="only those set aside for this reason")
    arguments = parser.parse_args()
    if arguments.command == "topics":
        created = asyncio.run(create_topics(KafkaSettings()))
        print(f"{len(created)} topics created", *created, sep="\n  ")  # noqa: T201  the command's answer
    else:
        count = asyncio.run(_replay(arguments.topic, arguments.service, arguments.reason))
        print(f"{count} dead letters replayed")  # noqa: T201  the command's answer


if __name__ == "__main__":
    main()
