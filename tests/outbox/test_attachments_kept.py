"""What is kept of attachments, and for how long, whatever happens at the same moment (B12)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from pymongo.errors import PyMongoError

from common.mongo import Mongo
from common.settings import ServiceSettings
from outbox.attachments import handlers, storage
from outbox.attachments.domain import Attachment, Limits
from outbox.attachments.fetching import Fetcher
from outbox.attachments.handlers import Attachments
from outbox.attachments.storage import CHUNK_BYTES, Files
from outbox.connect import Network
from tests.support.databases import database
from tests.support.eventually import unique
from tests.support.plans import plans_of
from tests.support.platform import Platform
from tests.support.unheard import unheard

LIMITS = Limits(10_000_000, 10, 10_000_000, frozenset({"text/plain"}), 60)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT = b"x" * (CHUNK_BYTES + 1)


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    """A database with the indexes of attachments, and nothing else in it."""
    async with database(platform, storage.INDEXES) as mongo:
        yield mongo


def attachments(mongo: Mongo) -> Attachments:
    return Attachments(Files(mongo), Fetcher(Network(frozenset()), frozenset()), LIMITS, timedelta(hours=1))


async def keep(mongo: Mongo, partner: str, content: bytes = CONTENT) -> Attachment:
    async def parts() -> AsyncIterator[bytes]:
        yield content

    return await handlers.keep(attachments(mongo), partner, "x.txt", "text/plain", parts())


async def left(mongo: Mongo) -> dict[str, int]:
    names = ("attachments.files", "attachments.chunks", "unfinished")
    return {name: await mongo.database[name].count_documents({}) for name in names}


async def test_a_message_that_comes_while_its_file_is_forgotten_has_it_whole_or_not_at_all(mongo: Mongo) -> None:
    """B12: of both at the same moment, over two processes that tidy up."""
    one, found = attachments(mongo), set[bool]()
    for number in range(60):
        partner = unique("prt")
        kept = await keep(mongo, partner)
        await mongo.database["attachments.files"].update_one({"partner_id": partner}, {"$set": {"wanted_at": LONG_AGO}})

        async def take_in(partner: str = partner, file: str = kept.id, number: int = number) -> bool:
            await asyncio.sleep(number % 20 / 2_000)  # not for something: so that they meet at different moments
            wanted = await one.files.want(partner, [file], datetime.now(UTC))
            document = {"_id": unique("msg"), "partner_id": partner, "attachments": [{"id": file}]}
            await mongo.database["messages"].insert_one(document)
            return bool(wanted)

        is_found, *_ = await asyncio.gather(take_in(), handlers.tidy_up(one), handlers.tidy_up(attachments(mongo)))
        read = b"".join([part async for part in one.files.read(partner, kept.id)])
        assert read == (CONTENT if is_found else b"")
        found.add(is_found)
    assert found == {True, False}, "they met on either side"


async def test_the_same_bytes_at_once_are_one_file(mongo: Mongo) -> None:
    """B12: and all but the first leave nothing."""
    partner = unique("prt")
    kept = await asyncio.gather(*(keep(mongo, partner) for _ in range(10)))
    assert len(set(kept)) == 1
    assert await left(mongo) == {"attachments.files": 1, "attachments.chunks": 2, "unfinished": 0}
    assert b"".join([part async for part in Files(mongo).read(partner, kept[0].id)]) == CONTENT


async def test_what_a_crash_left_of_an_upload_and_of_a_deletion_goes(mongo: Mongo) -> None:
    """B12, F6: and what is whole stays, though the note about it was left."""
    files, partner = Files(mongo), unique("prt")
    begun = await files.begin(partner, LONG_AGO)
    await files.add(partner, begun, 0, b"x")
    await keep(mongo, partner)
    whole = await mongo.database["attachments.files"].find_one({})
    assert whole is not None
    await mongo.database["unfinished"].insert_one({"_id": whole["_id"], "partner_id": partner, "since": LONG_AGO})
    await handlers.tidy_up(attachments(mongo))
    assert await left(mongo) == {"attachments.files": 1, "attachments.chunks": 2, "unfinished": 0}


async def test_a_file_whose_last_write_got_no_answer_is_whole_if_it_is_there(platform: Platform, mongo: Mongo) -> None:
    """B12, F6: also for whoever uploads the same bytes again; what it left goes when it is certain."""
    partner = unique("prt")
    async with unheard(platform.mongo_url, b"uploadDate", arrives=True) as way:
        url, same = SecretStr(way.url), mongo.database.name
        deaf = Mongo(ServiceSettings(service_name="deaf", mongo_url=url, mongo_database=same, mongo_timeout_ms=500))
        with pytest.raises(PyMongoError):
            await keep(deaf, partner)
        await deaf.close()
    seen = await keep(mongo, partner)
    assert b"".join([part async for part in Files(mongo).read(partner, seen.id)]) == CONTENT
    await mongo.database["unfinished"].update_many({}, {"$set": {"since": LONG_AGO}})
    await handlers.tidy_up(attachments(mongo))
    assert await left(mongo) == {"attachments.files": 1, "attachments.chunks": 2, "unfinished": 0}
    assert b"".join([part async for part in Files(mongo).read(partner, seen.id)]) == CONTENT


async def test_no_query_of_attachments_scans(mongo: Mongo) -> None:
    """House rule 6."""
    now = datetime.now(UTC)
    file = {"_id": "f", "partner_id": "prt_1", "sha256": "a", "wanted_at": now, "since": now}

    async def ask(mongo: Mongo) -> None:
        files = Files(mongo)
        await files.want("prt_1", ["a"], now)
        assert [part async for part in files.read("prt_1", "a")] == []
        await files.of_message("prt_1", "msg_1")
        await files.unwanted_of_all_partners(now, 10)
        await files.left_behind_of_all_partners(now, 10)
        await files.is_referred_to(file)
        await files.tidy(file)

    plans = await plans_of(mongo, ask)
    assert len(plans) == 9
    assert all("COLLSCAN" not in plan and ("IXSCAN" in plan or "IDHACK" in plan) for plan in plans), plans
