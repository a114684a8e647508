"""What notifications knows of others (projections), what it decided, and what waits."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bson import Regex
from pymongo import UpdateOne

from common.events import ContactChanged, PartnerChanged
from common.mongo import Index, Mongo, insert_new, keep_newer
from notifications import spelling
from notifications.directory import Directory, Preference, those_who_matter
from notifications.documents import (
    decision_document,
    decision_of,
    escalation_document,
    occurrence_document,
    occurrence_of,
    partner_document,
    partner_of,
    person_document,
    person_of,
    preference_of,
    quiet_hours_of,
    settings_id,
)
from notifications.domain import ByEmail, Closed, Decision, Escalated, Occurrence, Partner, Person
from notifications.kinds.domain import Kind
from notifications.links import NO_LINKS, Links
from notifications.quiet_hours import QuietHours

_MOST_COUNTED = 500
PERSON_FIELDS = (
    "partner_id",
    "name",
    "email",
    "roles",
    "phone",
    "undeliverable",
)  # what `person_of` needs; the words are for finding only

PEOPLE_BY_WORD = Index("people", (("partner_id", 1), ("word_starts", 1), ("sort_name", 1), ("_id", 1)))
# Told to the database, which may otherwise prefer to read and sort all people of the partner.
_BY_WORD = list(PEOPLE_BY_WORD.keys)

INDEXES = [
    Index("people", (("partner_id", 1), ("roles", 1))),
    Index("people", (("partner_id", 1), ("folded_email", 1))),
    PEOPLE_BY_WORD,
    Index("unsubscribed", (("partner_id", 1), ("kind", 1), ("address", 1))),
    Index("decisions", (("partner_id", 1), ("source", 1), ("event_id", 1))),
    Index("waiting", (("looked_at", 1),)),
    Index("waiting", (("partner_id", 1), ("source", 1), ("event_id", 1))),
]


class Store:
    """Queries by intent. `links` are for the messages that come of what is found."""

    def __init__(self, mongo: Mongo, links: Links = NO_LINKS) -> None:
        self.links = links
        self.partners = mongo.collection("partners")
        self.people = mongo.collection("people")
        self.settings = mongo.collection("settings")
        self.refused = mongo.collection("refused")
        self.unsubscribed = mongo.collection("unsubscribed")
        self.quiet_hours = mongo.collection("quiet_hours")
        self.decisions = mongo.collection("decisions")
        self.waiting = mongo.collection("waiting")

    async def directory_of_all_partners(self, kind: Kind, partner_ids: Iterable[str]) -> Directory:
        """What resolving events of `kind` needs: three queries, and more only for those who set more.

        Whoever has no address cannot be told, and counts as not there.
        """
        ids = list(set(partner_ids))
        keys = [settings_id(partner_id, kind.id) for partner_id in ids]
        found, settings = await asyncio.gather(
            self.partners.of_all_partners.find({"_id": {"$in": ids}, "deleted": False}).to_list(),
            self.settings.of_all_partners.find({"_id": {"$in": keys}}).to_list(),
        )
        preferences = {document["partner_id"]: preference_of(document) for document in settings}
        entries = [one.entries for one in preferences.values() if one.entries]
        people: dict[str, list[Person]] = {}
        matter = those_who_matter(kind, [document["_id"] for document in found], entries)
        for document in await self.people.of_all_partners.find(matter, PERSON_FIELDS).to_list():
            if document["email"]:
                people.setdefault(document["partner_id"], []).append(person_of(document))
        return Directory(
            kind=kind,
            partners={document["_id"]: partner_of(document) for document in found},
            preferences=preferences,
            people=people,
            closed=await self._closed_addresses(kind, ids, preferences),
            quiet_hours=await self._quiet_hours_of(preferences),
            links=self.links,
        )

    async def partner(self, partner_id: str) -> Partner | None:
        document = await self.partners.of(partner_id).find_one({"_id": partner_id, "deleted": False})
        return partner_of(document) if document else None

    async def _closed_addresses(
        self, kind: Kind, partner_ids: Sequence[str], preferences: Mapping[str, Preference]
    ) -> dict[str, Closed]:
        """Refused addresses matter where some are listed, unsubscribed ones where the kind allows that."""
        listed = [
            refused_id(partner_id, entry.email)
            for partner_id, one in preferences.items()
            for entry in one.entries or ()
            if isinstance(entry, ByEmail)
        ]
        refused: dict[str, dict[str, str]] = {}
        unsubscribed: dict[str, set[str]] = {}
        if listed:
            for one in await self.refused.of_all_partners.find({"_id": {"$in": listed}}).to_list():
                refused.setdefault(one["partner_id"], {})[one["address"]] = one["reply"]
        if kind.can_unsubscribe:
            query = {"partner_id": {"$in": list(partner_ids)}, "kind": kind.id}
            for one in await self.unsubscribed.of_all_partners.find(query).to_list():
                unsubscribed.setdefault(one["partner_id"], set()).add(one["address"])
        return {
            partner_id: Closed(refused.get(partner_id, {}), frozenset(unsubscribed.get(partner_id, ())))
            for partner_id in refused.keys() | unsubscribed.keys()
        }

    async def _quiet_hours_of(self, preferences: Mapping[str, Preference]) -> dict[str, QuietHours]:
        """Of the partners who want SMS."""
        ids = [
            partner_id
            for partner_id, one in preferences.items()
            if any("sms" in entry.channels for entry in one.entries or ())
        ]
        found = await self.quiet_hours.of_all_partners.find({"_id": {"$in": ids}}).to_list() if ids else []
        return {document["_id"]: quiet_hours_of(document) for document in found}

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
                {"$push": {"escalations": escalation_document(one)}},
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

    async def waiting_about(self, partner_id: str, source: str, event_id: str) -> dict[str, datetime]:
        """The kinds that an event waits to be told as, each with until when."""
        query = {"source": source, "event_id": event_id}
        found = self.waiting.of(partner_id).find(query, projection=("kind", "wait_until"))
        return {document["kind"]: document["wait_until"] async for document in found}

    async def looked_at(self, ids: Sequence[str], now: datetime) -> None:
        await self.waiting.of_all_partners.update_many({"_id": {"$in": list(ids)}}, {"$set": {"looked_at": now}})

    async def stop_waiting(self, ids: Sequence[str]) -> None:
        if ids:
            await self.waiting.of_all_partners.delete_many({"_id": {"$in": list(ids)}})

    async def people_with_words_starting(self, partner_id: str, typed: Sequence[str], limit: int) -> list[Person]:
        """People by name, of whom each typed (plain) word starts a word of the name, or the e-mail.

        Starts of words are asked for as they are, not as a range, so that the index gives them by name, and as many as
        are wanted. An index takes one of the words: the rarest; the others choose among those who have it.
        """
        rarest = await self._rarest(partner_id, sorted(typed, key=len, reverse=True)[:4])
        query = {
            "word_starts": rarest[: spelling.LONGEST_START],
            "words": {"$all": [Regex("^" + re.escape(word)) for word in typed]},
        }
        found = self.people.of(partner_id).find(
            query, projection=PERSON_FIELDS, sort=[("sort_name", 1), ("_id", 1)], limit=limit, hint=_BY_WORD
        )
        return [person_of(document) async for document in found]

    async def _rarest(self, partner_id: str, words: Sequence[str]) -> str:
        """The word that the fewest people have. Where all are frequent any will do: whoever has all is soon found."""
        if len(words) == 1:
            return words[0]
        people = self.people.of(partner_id)
        starts = [{"word_starts": word[: spelling.LONGEST_START]} for word in words]
        counts = await asyncio.gather(*(people.count(one, limit=_MOST_COUNTED, hint=_BY_WORD) for one in starts))
        return min(zip(counts, words, strict=True), key=lambda one: one[0])[1]

    async def remember_refused(self, refused: Sequence[tuple[str, str, str]], now: datetime) -> None:
        """Remember (partner, address, reply) of addresses that a mail server refused for good and that are nobody's."""
        writes = [
            UpdateOne(
                {"_id": refused_id(partner_id, address)},
                {"$set": {"partner_id": partner_id, "address": address.casefold(), "reply": reply, "at": now}},
                upsert=True,
            )
            for partner_id, address, reply in refused
        ]
        if writes:
            await self.refused.of_all_partners.bulk_write(writes, ordered=False)

    async def keep_partners(self, states: Sequence[PartnerChanged]) -> None:
        """Take newer states into the projection."""
        kept = [(one.partner_id, partner_document(one)) for one in states]
        await keep_newer(self.partners.of_all_partners, kept)

    async def keep_people(self, states: Sequence[ContactChanged]) -> None:
        """Take newer states into the projection; of the deleted only ids and version stay."""
        await keep_newer(self.people.of_all_partners, [(one.person_id, person_document(one)) for one in states])


def refused_id(partner_id: str, address: str) -> str:
    return f"{partner_id}/{address.casefold()}"
