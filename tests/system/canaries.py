"""Secrets, addresses and texts that are known again wherever they turn up, and where to look for them."""

from dataclasses import dataclass, field

import httpx

from common.events.registry import TOPICS, dead_letter_topic
from tests.support.eventually import unique
from tests.support.mail import MailServer
from tests.support.platform import Service
from tests.system.outside import Outside

WORD = "canary"
"""Is in every name and text."""
DEAD_LETTERS = [dead_letter_topic(topic.name, reader) for topic in TOPICS for reader in topic.readers]


def word() -> str:
    return unique(WORD).replace("_", "-")


@dataclass
class Run:
    """What was done, and what to look for.

    `secrets`, by what they are: nowhere but with whom they are for. `links`: in the mail that carries them, too.
    `numbers`: of phones. `nonsense`: what was sent where it makes no sense. `problems`: all refusals, as answered.
    """

    services: dict[str, Service]
    mail: MailServer
    outside: Outside
    nonsense: str = field(default_factory=word)
    secrets: dict[str, str] = field(default_factory=lambda: {})
    links: dict[str, str] = field(default_factory=lambda: {})
    numbers: list[str] = field(default_factory=lambda: [])
    problems: list[str] = field(default_factory=lambda: [])

    async def keep_problem(self, answer: httpx.Response) -> None:
        if answer.is_error:
            await answer.aread()
            self.problems.append(f"{answer.status_code} {answer.headers} {answer.text}")

    @property
    def identity(self) -> Service:
        return self.services["identity"]

    @property
    def outbox(self) -> Service:
        return self.services["outbox"]

    def knows(self, what: str, *values: str) -> None:
        """These are secrets."""
        self.secrets |= {f"{what} {count}": value for count, value in enumerate(values)}

    @property
    def staff(self) -> dict[str, str]:
        """Headers of somebody with every permission."""
        return self.identity.tokens.headers("platform", user_id="usr_staff")


@dataclass
class Found:
    """What is found by place, once the run is over and all of it is written."""

    said: dict[str, str] = field(default_factory=lambda: {})
    """Logs with the spans in them, metrics, and what was answered to requests that were refused."""
    headers: dict[str, str] = field(default_factory=lambda: {})
    """And keys of the records in a topic."""
    values: dict[str, str] = field(default_factory=lambda: {})
    stored: dict[str, str] = field(default_factory=lambda: {})


async def look_everywhere(run: Run) -> Found:
    """Stops the services, so that all of their spans are written."""
    found = Found({"refusals": "\n".join(run.problems)})
    for name, service in run.services.items():
        found.said[f"metrics of {name}"] = (await service.http.get("/metrics")).text
        await service.stop()
        found.said[f"log of {name}"] = service.log_text()
        for collection in await service.database.list_collection_names():
            documents = await service.database[collection].find().to_list()
            found.stored[f"{name}.{collection}"] = "\n".join(map(str, documents))
    for topic in [*(topic.name for topic in TOPICS), *DEAD_LETTERS]:
        records = await run.identity.io.records(topic)
        found.headers[topic] = "\n".join(f"{record.key} {record.headers}" for record in records)
        found.values[topic] = "\n".join(str(record.value) for record in records)
    return found
