"""A large file leaves everybody else his turn: measured in the time of the thread, not of a machine that others use."""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from common.auth import Caller
from common.jobs import taking_turns
from common.kafka.connection import Kafka
from common.relay import StateRelay
from common.settings import KafkaSettings
from contacts.main import to_contact_changed
from contacts.partners.storage import Partners
from contacts.persons import handlers, sheets
from contacts.persons.handlers import PersonDesk
from contacts.persons.storage import INDEXES, Persons
from tests.support.databases import database
from tests.support.platform import Platform

ROWS, SECONDS = 5_000, 0.05


@asynccontextmanager
async def turns() -> AsyncGenerator[list[float]]:
    """How long the thread of the loop works between two turns of another task; the collector is tuned by services."""
    found: list[float] = []

    async def other() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            found.append(time.thread_time() - began)

    gc.collect()
    gc.disable()
    task = asyncio.create_task(other())
    try:
        yield found
    finally:
        task.cancel()
        gc.enable()


async def test_a_file_of_whom_all_are_there_already_holds_up_nobody(platform: Platform) -> None:
    """A1."""
    lines = "".join(f"Ann,Bee-{one},ann{one}@x.example.com,,manager\r\n" for one in range(ROWS))
    content = f"first_name,last_name,email,phone,roles\r\n{lines}".encode()
    async with database(platform, INDEXES) as mongo:
        persons, kafka = Persons(mongo, 20), Kafka(KafkaSettings(kafka_bootstrap=platform.kafka_bootstrap))
        relay = StateRelay(persons.collection.of_all_partners, kafka, "/contacts", to_contact_changed)
        desk, caller = PersonDesk(persons, Partners(mongo), relay, 20_000), Caller("usr_1", "prt_1", frozenset())
        rows = await taking_turns(sheets.read(content, ROWS))
        assert (await handlers.import_persons(desk, caller, rows, dry_run=False)).added == ROWS
        async with turns() as found:
            assert (await handlers.import_persons(desk, caller, rows, dry_run=False)).already_there == ROWS
    assert max(found) < SECONDS
