"""`python -m common.dead_letters list|show|replay|discard --service S`: what the staff routes do, without HTTP.

It works on the same documents, so there is one truth. The service itself must run to bring new dead letters in.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from pydantic import BaseModel

from common.dead_letters import handlers
from common.dead_letters.domain import LetterStatus
from common.dead_letters.handlers import DeadLetters
from common.dead_letters.schemas import DeadLetterDetail, DeadLetterView, Replayed
from common.dead_letters.storage import INDEXES, DeadLetterStore, Filter
from common.errors import Problem
from common.kafka.connection import Kafka
from common.logs import configure_logs
from common.mongo import Mongo
from common.settings import ServiceSettings

BY = "command"


def main() -> int:
    chosen = _parser().parse_args()
    if chosen.command == "replay" and (chosen.id is None) == (chosen.reason is None):
        sys.exit("name the id of one dead letter, or the --reason of many")
    configure_logs(chosen.service, "WARNING")  # what is printed is the answer
    try:
        answers = asyncio.run(_connected(chosen))
    except Problem as problem:
        sys.exit(f"{problem.title}: {problem.detail}")
    for answer in answers:
        print(json.dumps(answer.model_dump(mode="json", exclude_none=True), ensure_ascii=False))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m common.dead_letters")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("list", help="the newest ones, a line of JSON each")
    shown.add_argument("--status", type=LetterStatus, choices=list(LetterStatus), default=LetterStatus.OPEN)
    shown.add_argument("--limit", type=int, default=50)
    one = commands.add_parser("show", help="one with its record")
    again = commands.add_parser("replay", help="publish one, or all open ones of a reason, to the topic again")
    away = commands.add_parser("discard", help="close one without a replay")
    away.add_argument("--note", required=True, help="why")
    for command in (one, away):
        command.add_argument("id")
    again.add_argument("id", nargs="?")
    for command in (shown, again):
        command.add_argument("--topic")
        command.add_argument("--reason")
    for command in (shown, one, again, away):
        command.add_argument("--service", required=True, help="whose, for instance notifications")
    return parser


async def _connected(chosen: argparse.Namespace) -> Sequence[BaseModel]:
    settings = ServiceSettings(service_name=chosen.service)
    mongo, kafka = Mongo(settings), Kafka(settings)
    try:
        await mongo.ensure(INDEXES)
        return await _answer(DeadLetters(DeadLetterStore(mongo), kafka), chosen)
    finally:
        await kafka.stop()
        await mongo.close()


async def _answer(letters: DeadLetters, chosen: argparse.Namespace) -> Sequence[BaseModel]:
    match chosen.command:
        case "list":
            wanted = Filter(chosen.topic, chosen.reason, chosen.status)
            return [DeadLetterView.of(one) for one in await letters.store.page(wanted, None, chosen.limit)]
        case "show":
            return [DeadLetterDetail.of(await handlers.show(letters, chosen.id))]
        case "discard":
            return [DeadLetterView.of(await handlers.discard(letters, chosen.id, BY, chosen.note))]
        case _ if chosen.id:
            return [DeadLetterView.of(await handlers.replay(letters, chosen.id, BY))]
        case _:
            return [Replayed(replayed=await handlers.replay_all(letters, chosen.topic, chosen.reason, BY))]


if __name__ == "__main__":
    sys.exit(main())
