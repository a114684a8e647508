"""Every query of identity is served by an index: the database itself says how it would find what is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.audit import storage as audit
from common.audit.storage import AuditOutbox
from common.mongo import Mongo
from identity.audit.storage import AuditStore, Filter
from identity.connections.storage import ConnectionStore
from identity.domain import User
from identity.entry.domain import Way
from identity.entry.storage import EntryStore
from identity.machines.storage import AssertionStore, MachineStore
from identity.mails.domain import LetterKind
from identity.mails.storage import LetterStore
from identity.main import INDEXES
from identity.panel.storage import CodeStore
from identity.passkeys.storage import PasskeyStore
from identity.recovery.storage import RecoveryStore
from identity.sessions.storage import SessionStore
from identity.storage import Store
from tests.support.databases import database
from tests.support.plans import plans_of
from tests.support.platform import Platform

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WAY = Way("prt_1", "usr_1", "prt_2", "ses_1")
AFTER = (NOW, "x_1")
USER = User("usr_1", "prt_1", "a@x.example", "Ann", frozenset(), "")


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    """A database with the indexes of identity, and nothing else in it."""
    async with database(platform, [*INDEXES, *audit.INDEXES]) as mongo:
        yield mongo


QUERIES: dict[str, Callable[[Mongo], Awaitable[Any]]] = {
    "who signs in": lambda mongo: Store(mongo).user_by_email_of_all_partners("a@x.example"),
    "who was invited": lambda mongo: Store(mongo).add_user(USER),
    "letters that wait": lambda mongo: LetterStore(mongo).waiting(NOW, 50),
    "who follows a link": lambda mongo: RecoveryStore(mongo).follows_of_all_partners("usr_1", LetterKind.INVITATION),
    "whose passkey it is": lambda mongo: PasskeyStore(mongo).shown_of_all_partners("1"),
    "users": lambda mongo: Store(mongo).users_of("prt_1", "usr_1", 50),
    "partners": lambda mongo: Store(mongo).partners_of_all("prt_1", 50),
    "one session": lambda mongo: SessionStore(mongo).going_on_of_all_partners("ses_1"),
    "sessions": lambda mongo: SessionStore(mongo).of_user("prt_1", "usr_1", 0, NOW, "ses_1", 50),
    "sessions that are too many": lambda mongo: SessionStore(mongo).beyond(USER, 50, NOW),
    "an own session": lambda mongo: SessionStore(mongo).own("prt_1", "usr_1", "ses_1"),
    "a known address": lambda mongo: SessionStore(mongo).was_at("prt_1", "usr_1", "place"),
    "one machine": lambda mongo: MachineStore(mongo).named_of_all_partners("mch_1"),
    "users by id": lambda mongo: Store(mongo).users_of_all_partners({"usr_1", "usr_2"}),
    "partners by id": lambda mongo: Store(mongo).partners_of_all_partners({"prt_1", "prt_2"}),
    "sessions by id": lambda mongo: SessionStore(mongo).among_of_all_partners({"ses_1", "ses_2"}),
    "connections of a client": lambda mongo: ConnectionStore(mongo).of_client("prt_1", "c", 50),
    "connections of a partner": lambda mongo: ConnectionStore(mongo).clients_of_all_partners("prt_1", "c", 50),
    "connections by id": lambda mongo: ConnectionStore(mongo).connections_of_all_partners({"c", "d"}),
    "the panel": lambda mongo: ConnectionStore(mongo).entered_of_all_partners("prt_1", "Łódź", "k", 50),
    "an open entry": lambda mongo: EntryStore(mongo).open_entry(WAY),
    "open entries on a panel": lambda mongo: EntryStore(mongo).open_among_of_all_partners(["prt_1", "prt_2"], WAY),
    "open entries": lambda mongo: EntryStore(mongo).open_of_all_partners("ent_1", 50),
    "entries into an account": lambda mongo: EntryStore(mongo).into("prt_1", (NOW, "ent_1"), 50, only_open=False),
    "open ones into it": lambda mongo: EntryStore(mongo).into("prt_1", (NOW, "ent_1"), 50, only_open=True),
    "entries by a partner": lambda mongo: EntryStore(mongo).out_of_all_partners("prt_1", (NOW, "ent_1"), 50),
    "one entry": lambda mongo: EntryStore(mongo).of_partner_of_all_partners("prt_1", "ent_1"),
    "old entries": lambda mongo: EntryStore(mongo).forget_of_all_partners(NOW),
    "a code": lambda mongo: CodeStore(mongo).use_of_all_partners("hash", "challenge"),
    "used assertions": lambda mongo: AssertionStore(mongo).forget(NOW),
    "old codes": lambda mongo: CodeStore(mongo).forget_of_all_partners(NOW),
    "the audit log": lambda mongo: AuditStore(mongo).page("prt_1", Filter(), AFTER, 50),
    "the audit log in a time": lambda mongo: AuditStore(mongo).page("prt_1", Filter(NOW, NOW), AFTER, 50),
    "the audit log of a user": lambda mongo: AuditStore(mongo).page("prt_1", Filter(NOW, user="usr_1"), AFTER, 50),
    "the audit log of an actor": lambda mongo: AuditStore(mongo).page("prt_1", Filter(actor="usr_1"), None, 50),
    "the last entry": lambda mongo: AuditStore(mongo).last("prt_1"),
    "known entries": lambda mongo: AuditStore(mongo).known_of_all_partners(["aud_1"]),
    "the audit log, whole": lambda mongo: anext(AuditStore(mongo).whole("prt_1"), None),
    "what is told": lambda mongo: AuditOutbox(mongo, timedelta(1)).due(NOW, 50),
    "machines": lambda mongo: MachineStore(mongo).of_partner("prt_1", "mch_1", 50),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_neither_scans_its_collection_nor_sorts(mongo: Mongo, name: str) -> None:
    """House rule 6."""
    [plan] = await plans_of(mongo, QUERIES[name])
    assert "IXSCAN" in plan or "IDHACK" in plan or "EXPRESS" in plan, plan
    assert "COLLSCAN" not in plan, plan
    assert "SORT" not in plan.replace("SORT_MERGE", ""), plan
