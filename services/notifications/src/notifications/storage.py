"""The documents of notifications: what it knows of others (projections), settings, decisions, and what waits."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from common.events import ContactChanged, PartnerChanged, State
from common.mongo import Document, Index, Mongo, insert_new
from notifications.documents import (
    addressed_document,
    decision_document,
    decision_of,
    entries_of,
    entry_document,
    occurrence_document,
    occurrence_of,
    partner_of,
    person_of,
)
from notifications.domain import (
    DEFAULT_ENTRIES,
    MANAGER,
    ByEmail,
    ByRole,
    Decision,
    Entry,
    Escalated,
    Occurrence,
    Partner,
    Person,
)

_DUPLICATE_KEY = 11000

INDEXES = [
    Index("people", (("partner_id", 1), ("roles", 1))),
    Index("people", (("partner_id", 1), ("folded_email", 1))),
    Index("decisions", (("partner_id", 1), ("source", 1), ("event_id", 1))),
    Index("waiting", (("looked_at", 1),)),
    Index("waiting", (("partner_id", 1), ("source", 1), ("event_id", 1))),
]


@dataclass(frozen=True)
class Directory:
    """What is needed to resolve a batch: partners, the settings of one kind, and the people who matter for them."""

    partners: Mapping[str, Partner]
    entries: Mapping[str, tuple[Entry, ...]]
    people: Mapping[str, list[Person]]

    def entries_of(self, partner_id: str) -> tuple[Entry, ...]:
        return self.entries.get(partner_id, DEFAULT_ENTRIES)

    def people_of(self, partner_id: str) -> list[Person]:
        return self.people.get(partner_id, [])


class Store:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self.partners = mongo.collection("partners")
        self.people = mongo.collection("people")
        self.settings = mongo.collection("settings")
        self.decisions = mongo.collection("decisions")
        self.waiting = mongo.collection("waiting")

    async def directory_of_all_partners(self, kind: str, partner_ids: Iterable[str]) -> Directory:
        """What resolving events of `kind` for these partners needs, in three queries.

        Whoever has no address cannot be told, and counts as not there.
        """
        ids = list(set(partner_ids))
        keys = [settings_id(partner_id, kind) for partner_id in ids]
        found, settings = await asyncio.gather(
            self.partners.of_all_partners.find({"_id": {"$in": ids}, "deleted": False}).to_list(),
            self.settings.of_all_partners.find({"_id": {"$in": keys}}).to_list(),
        )
        partners = {document["_id"]: partner_of(document) for document in found}
        entries = {document["partner_id"]: entries_of(document) for document in settings}
        people: dict[str, list[Person]] = {}
        matter = _those_who_matter(list(partners), entries.values())
        for document in await self.people.of_all_partners.find(matter).to_list():
            if document["email"]:
                people.setdefault(document["partner_id"], []).append(person_of(document))
        return Directory(partners, entries, people)

    async def keep_decisions(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Store what is not decided yet. Returns all as they are stored: what was decided before stays decided."""
        collection = self.decisions.of_all_partners
        there = await insert_new(collection, [decision_document(decision) for decision in decisions])
        if not there:
            return list(decisions)
        stored = {one.about.id: one for one in await self.decisions_by_id_of_all_partners(list(there))}
        return [stored.get(decision.about.id, decision) for decision in decisions]

    async def decisions_by_id_of_all_partners(self, ids: Sequence[str]) -> list[Decision]:
        found = self.decisions.of_all_partners.find({"_id": {"$in": list(ids)}})
        return [decision_of(document) async for document in found]

    async def decisions_about(self, partner_id: str, source: str, event_id: str) -> list[Decision]:
        """What was decided about an event for one partner."""
        found = self.decisions.of(partner_id).find({"source": source, "event_id": event_id})
        return [decision_of(document) async for document in found]

    async def add_escalations(self, escalations: Sequence[tuple[str, Escalated]]) -> None:
        """Store (decision id, escalation), each once for the message that failed."""
        writes = [
            UpdateOne(
                {"_id": decision_id, "escalations.of": {"$ne": one.of_message_id}},
                {
                    "$push": {
                        "escalations": {
                            "of": one.of_message_id,
                            "level": one.level,
                            "to": [addressed_document(recipient) for recipient in one.to],
                        }
                    }
                },
            )
            for decision_id, one in escalations
        ]
        if writes:
            await self.decisions.of_all_partners.bulk_write(writes, ordered=False)

    async def keep_waiting(self, occurrences: Sequence[Occurrence], now: datetime, until: datetime) -> None:
        """Keep events that cannot be decided yet."""
        documents = [occurrence_document(one) | {"looked_at": now, "wait_until": until} for one in occurrences]
        await insert_new(self.waiting.of_all_partners, documents)

    async def longest_not_looked_at(self, limit: int) -> list[tuple[Occurrence, datetime]]:
        """(event, until when it waits), those first that were looked at longest ago."""
        found = self.waiting.of_all_partners.find({}, sort=[("looked_at", 1)], limit=limit)
        return [(occurrence_of(document), document["wait_until"]) async for document in found]

    async def waiting_for_partners(self, partner_ids: Sequence[str]) -> list[Occurrence]:
        """The events that wait for these partners."""
        found = self.waiting.of_all_partners.find({"partner_id": {"$in": list(partner_ids)}})
        return [occurrence_of(document) async for document in found]

    async def is_waiting(self, partner_id: str, source: str, event_id: str) -> bool:
        return await self.waiting.of(partner_id).find_one({"source": source, "event_id": event_id}) is not None

    async def looked_at(self, ids: Sequence[str], now: datetime) -> None:
        await self.waiting.of_all_partners.update_many({"_id": {"$in": list(ids)}}, {"$set": {"looked_at": now}})

    async def stop_waiting(self, ids: Sequence[str]) -> None:
        if ids:
            await self.waiting.of_all_partners.delete_many({"_id": {"$in": list(ids)}})

    async def entries(self, partner_id: str) -> dict[str, tuple[Entry, ...]]:
        """The partner's own settings by kind; what is missing is on its default."""
        return {one["kind"]: entries_of(one) async for one in self.settings.of(partner_id).find({})}

    async def set_entries(self, partner_id: str, kind: str, entries: Sequence[Entry]) -> None:
        change = {"$set": {"kind": kind, "entries": [entry_document(entry) for entry in entries]}}
        await self.settings.of(partner_id).update_one({"_id": settings_id(partner_id, kind)}, change, upsert=True)

    async def reset_entries(self, partner_id: str, kind: str) -> None:
        await self.settings.of(partner_id).delete_one({"_id": settings_id(partner_id, kind)})

    async def keep_partners(self, states: Sequence[PartnerChanged]) -> None:
        """Take newer states into the projection."""
        await _keep_newer(self.partners.of_all_partners, [(one.partner_id, one, _partner(one)) for one in states])

    async def keep_people(self, states: Sequence[ContactChanged]) -> None:
        """Take newer states into the projection; of the deleted only ids and version stay."""
        await _keep_newer(self.people.of_all_partners, [(one.person_id, one, _person(one)) for one in states])


def settings_id(partner_id: str, kind: str) -> str:
    return f"{partner_id}/{kind}"


async def _keep_newer(collection: AsyncCollection[Document], states: Sequence[tuple[str, State, Document]]) -> None:
    newest: dict[str, tuple[State, Document]] = {}
    for key, state, document in states:
        if key not in newest or newest[key][0].version < state.version:
            newest[key] = (state, document)
    writes = [
        UpdateOne({"_id": key, "version": {"$lt": state.version}}, {"$set": document}, upsert=True)
        for key, (state, document) in newest.items()
    ]
    if not writes:
        return
    try:
        await collection.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        # Where the version is not older the filter finds nothing, the upsert inserts and collides: nothing to do.
        collisions = all(one["code"] == _DUPLICATE_KEY for one in error.details["writeErrors"])
        if error.details.get("writeConcernErrors") or not collisions:
            raise


def _those_who_matter(partner_ids: list[str], entries: Iterable[tuple[Entry, ...]]) -> Document:
    """People of these partners who hold a listed role, may stand in, or own a listed address."""
    listed = [entry for one in entries for entry in one]
    roles = list({MANAGER, *(entry.role for entry in listed if isinstance(entry, ByRole))})
    emails = list({entry.email.casefold() for entry in listed if isinstance(entry, ByEmail)})
    by_role: Document = {"partner_id": {"$in": partner_ids}, "roles": {"$in": roles}}
    return (
        {"$or": [by_role, {"partner_id": {"$in": partner_ids}, "folded_email": {"$in": emails}}]} if emails else by_role
    )


def _partner(state: PartnerChanged) -> Document:
    if state.deleted:  # whatever its publisher left in it
        state = PartnerChanged(partner_id=state.partner_id, version=state.version, deleted=True)
    return {
        "partner_id": state.partner_id,
        "name": state.name,
        "language": state.language,
        "owner_email": state.owner_email,
        "version": state.version,
        "deleted": state.deleted,
    }


def _person(state: ContactChanged) -> Document:
    if state.deleted:  # whatever its publisher left in it
        state = ContactChanged(
            partner_id=state.partner_id, person_id=state.person_id, version=state.version, deleted=True
        )
    return {
        "partner_id": state.partner_id,
        "name": f"{state.first_name} {state.last_name}".strip(),
        "email": state.email,
        "folded_email": state.email.casefold(),
        "roles": state.roles,
        "version": state.version,
        "deleted": state.deleted,
    }
